# Zebra-Llama Figure 7: what the same cache buys. Left the latent width that the KV size leaves (exact), right the
# average, which the paper draws without printing points.
caption = "Left: exact arithmetic of Llama-3.2-1B's shape at 12.8 and 25.6 times less KV cache. Right: micro scale."
load "style.gp"
set xlabel "latent-attention layers of 16"
set xrange [3:17]
set xtics (4, 6, 8, 12, 16)
set multiplot layout 1,2 margins 0.10,0.98,0.17,0.91 spacing 0.12
sizes = "12.8 25.6"
# The widths are those of Llama-3.2-1B's shape; nano-1b's rows hold the averages.
is_shown(row, size, i) = (strstrt(row, "nano") == 0) == width_panel && size == real(word(sizes, i))
stats csv using (strcol("avg_ours") ne "") nooutput
averages = STATS_sum
do for [side in "r_kv_ours avg_ours"] {
  width_panel = side eq "r_kv_ours"
  set title (width_panel ? "latent width at constant KV size" : "tasks")
  set ylabel (width_panel ? "width of the latent (r_kv)" : "average of eight tasks, %")
  if (ours == 0 || (!width_panel && averages == 0)) {
    set yrange [0:1]; unset ytics
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN notitle
    unset label 1; set ytics
  } else {
    if (width_panel) { set yrange [0:*] } else { set yrange [*:*] }
    if (width_panel) { set key top right } else { set key bottom left }
    plot for [i=1:2] csv using (column("count_ours")):(keep(is_shown(strcol("cell"), column("compression_ours"), i), column(side))) with linespoints lt i title word(sizes, i)."×", \
      for [i=1:2] csv using (column("count_ours")):(keep(side eq "avg_ours" && is_shown(strcol("cell"), column("compression_ours"), i), column(side))):(column("avg_interval")) with yerrorbars lt i notitle
  }
}
unset multiplot
