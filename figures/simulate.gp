# farskip simulate --plot: speed-up and overlap by GPU count. Settings: methods and counts (divided by spaces), headline.
caption = "Simulated, nothing was run on GPUs."
width = 1040; height = 430
load "style.gp"
set linetype 7 lc rgb "#b8860b" lw 2 pt 8 ps 0.9
set linetype 8 lc rgb "#333333" lw 1.5 pt 10 ps 0.9
set multiplot layout 1,2 margins 0.085,0.80,0.14,0.90 spacing 0.08
set xlabel "GPUs"
set logscale x 2
set xtics ()
do for [i = 1:words(counts)] { set xtics add (word(counts, i) word(counts, i) + 0) }
set offsets graph 0.06, graph 0.06, graph 0.08, graph 0.08
unset key
set title headline offset 0,-0.4
set ylabel "speed-up over the ordinary block"
plot for [i = 1:words(methods)] csv using (column("gpus")):(keep(strcol("method") eq word(methods, i), column("speedup"))) \
  with linespoints lt i notitle
set key at screen 0.82, 0.9 left top Left reverse
set title "share of the communication that is hidden"
set ylabel "%"
set yrange [0:105]
plot for [i = 1:words(methods)] csv using (column("gpus")):(keep(strcol("method") eq word(methods, i), column("overlap"))) \
  with linespoints lt i title word(methods, i)
unset multiplot
