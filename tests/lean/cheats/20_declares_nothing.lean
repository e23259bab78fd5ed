--! row: 20
--! expect: REJECTED missing-declaration
section
end
