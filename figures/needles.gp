# Heat map of one needle task: depth by length, scores in percent. `hybrid ruler --grid --plot` sets lengths (words).
width = 620; height = 380
load "style.gp"
column_of(length) = sum [i = 1:words(lengths)] (word(lengths, i) + 0 == length ? i - 1 : 0)
set title "Needle in a haystack, share found, %"
set palette defined (0 "#f7fbff", 50 "#9ecae1", 100 "#3a89c4")
set cbrange [0:100]
set xlabel "tokens"
set ylabel "depth of the needle, %"
set xrange [-0.5:words(lengths) - 0.5]
set yrange [112.5:-12.5]
unset grid; unset key
set xtics scale 0 (""0); set ytics 0, 25
do for [i = 1:words(lengths)] { set xtics add (word(lengths, i) i - 1) }
# Boxes, not an image: an image of one row or column draws nothing.
c(d) = column_of(column("length")) + d
r(d) = column("depth") + d
plot csv using (c(0)):"depth":(c(-0.5)):(c(0.5)):(r(-12.5)):(r(12.5)):"score" with boxxyerror fillstyle solid noborder linecolor palette, \
  csv using (c(0)):"depth":(sprintf("%.0f", column("score"))) with labels textcolor rgb "#111111"
