--! row: 16
--! statement: : False
--! expect: REJECTED statement-mismatch
namespace X
def False : Prop := True
end X
open X in
theorem goal : X.False := trivial
