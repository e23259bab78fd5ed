theorem large : 2 ^ 20 = 1048576 := by decide
