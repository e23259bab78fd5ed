theorem größer_als_null (ä ö : Nat) (hä : 0 < ä) : 0 < ä + ö :=
  Nat.lt_of_lt_of_le hä (Nat.le_add_right ä ö)
