// Which characters make tokens, as explicit ranges: Unicode 17.0 letters, marks and digits (L, M, N),
// those of the scripts Han, Hiragana, Katakana and Hangul apart. Written by scripts/token-class.ts,
// never by hand: the tokenizer and the regular expressions of match_all must read one table, because
// the Unicode versions of JS and of DuckDB's RE2 differ. Unassigned code points between two characters
// of a class belong to it: half the ranges, and letters of a later Unicode version are tokens already.

/** part of every stored token index; an index of another version must be ignored */
export const TOKEN_CLASS_VERSION = 1

/** pairs of (gap from the last range's end)+(length - 1), base 36; 290 ranges */
export const WORD_RANGES_PACKED =
  '1c+9 8+p 7+p 1c+0 8+1 2+0 4+1 2+2 2+m 2+u 2+cp 5+b f+4 8+0 ' +
  '2+0 i+38 2+7 2+0 7+0 2+31 2+3u 2+5y 7+14 9+18 2+0 2+1 2+1 2+17 ' +
  'u+a 6+21 5+2t 2+7 3+9 2+i 3+0 h+6d 5+3 3+19 j+r 5+13 2+6 8+22 ' +
  '2+3k 3+9 2+3k 3+5 3+0 2+3b c+32 a+3a 2+3l e+33 9+6 2+3 2+5l 6+10 ' +
  '2+3d e+1l 6+e 2+9 14+3j o+1 7+j 2+0 2+0 2+0 5+1y 2+1i a+0 1m+21 ' +
  '7+25 3+2i 2+3 75+9r a+12 h+2l 4+h7 3+g 2+p 6+22 4+1y c+43 4+0 5+t ' +
  'i+2 2+8c b+44 12+r 5+3d e+0 9+4c 4+9 i+8 d+37 d+1j 9+1p 3+1r h+2 ' +
  '2+ko 2+0 4+a 4+b 5+c 6+a 38+9 6+a 7+c 1g+w i+0 5+0 3+9 2+0 ' +
  '4+4 7+0 2+0 2+0 2+3 2+a 3+3 6+4 5+0 2+1l k7+1n 27+l hj+t vh+6c ' +
  '7+8 a+0 3+33 g+3k 1c+0 d3+0 10+3 4+4 7+0 2l+1 2q+0 9+16 2r+3 b+v ' +
  '2p+9 v+7 2+e x+9 14+e lkx+wc 1w+19 3+7g 4+2q 2+9 2+36 12+8 3+2u 3+4c ' +
  '5+9 b+1f d+1x b+13 4+0 2+1c 3+z 19+1s f+a 7+3d 7+m 4+2r 3+f 3+2w ' +
  '2+d 7+3e 2+d flz+14 2+3r y+a2 j+1r 3+1h 15+b 5+f h+f 1t+3w k+9 8+p ' +
  '7+p m+0 1a+1 2p+6y d+18 d+1k i+1 36+bk 3+1b 2+b6 d+kl 3+u 3+4i 5+p ' +
  '7+7c o+u 2+1z 2+12 h+1h b+29 o+ck 2+m 63+24 4+n 1f+2i s+l 17+46 c+2w ' +
  '8+0 e+33 5+1b 3+26 5+3 2+c 2+0 5+2e 7+2y 8+83 e+2x 6+9 5+2v 2+6x ' +
  'o+2w 4+l 13+1k 8+3f 5+6y 2u+4j d+41 2+2j 9+2a 4+0 j+20 2w+3k g+28 g+s ' +
  '6+hw a+1u e+3o 18+vi i+29c g+tr h+ap5 7+3o c+1i a+3 d+f0 4+86 a+8x 3+0 ' +
  's+5wy 70e+27d 4+1 382+9 ef+1y f3+4 4+5 9+7 3+6 v+3 45+2 3g+1f 31+o0 2+o ' +
  '2+u 2+o 2+u 2+o 2+u 2+o 2+u 2+o 2+1n e9+1i 5+1d 9+0 f+0 n+1bn ' +
  '8y+2x d3+8a 5i+ih m0+1m 2+2 2+3g 2+b0 g5+c 25g+9 gvt3+6n '

/** the same for characters that are tokens of their own; 24 ranges */
export const CJK_RANGES_PACKED =
  '3cw+73 5xi+0 2+0 q+8 5+1 9+3 6+2d 7+2 2+2h 3+2 1e+2l 2q+f e9+533 1t+g73 ' +
  '1up+s hw+8or 6it+d5 wd+9 2+18 3+1o m4n+0 d+6 cmy+af fix+1oxl '
