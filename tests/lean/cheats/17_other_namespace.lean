--! row: 17
--! expect: REJECTED missing-declaration
namespace Foo
theorem goal : True := trivial
end Foo
