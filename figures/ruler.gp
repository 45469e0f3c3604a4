# Heat map of RULER: tasks by length, scores in percent. `hybrid ruler --plot` sets tasks and lengths (words).
width = 760; height = 90 + 26 * words(tasks) + 60
load "style.gp"
row(name) = words(tasks) - sum [i = 1:words(tasks)] (word(tasks, i) eq name ? i : 0)
column_of(length) = sum [i = 1:words(lengths)] (word(lengths, i) + 0 == length ? i - 1 : 0)
set title "RULER, share of the references found, %"
set palette defined (0 "#f7fbff", 50 "#9ecae1", 100 "#3a89c4")
set cbrange [0:100]; set cbtics 50
set xlabel "tokens"
set xrange [-0.5:words(lengths) - 0.5]
set yrange [-0.5:words(tasks) - 0.5]
unset grid; unset key
set xtics scale 0 (""0); set ytics scale 0 (""0)
do for [i = 1:words(lengths)] { set xtics add (word(lengths, i) i - 1) }
do for [i = 1:words(tasks)] { set ytics add (word(tasks, i) words(tasks) - i) }
# Boxes, not an image: an image of one row or column draws nothing.
c(d) = column_of(column("length")) + d
r(d) = row(stringcolumn("task")) + d
plot csv using (c(0)):(r(0)):(c(-0.5)):(c(0.5)):(r(-0.5)):(r(0.5)):"score" with boxxyerror fillstyle solid noborder linecolor palette, \
  csv using (c(0)):(r(0)):(sprintf("%.0f", column("score"))) with labels textcolor rgb "#111111"
