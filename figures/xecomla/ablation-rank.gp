# How far the cache can shrink: average and held-out loss against KV size, by initialisation.
caption = "Micro scale: nano models on the microworld's text and tasks. One seed: no intervals."
load "style.gp"
set xlabel "KV size, % of the base"
set logscale x 2
set xrange [6.5:64]
set xtics (7.8, 9.4, 15.6, 28.1, 53.1)
set multiplot layout 1,2 margins 0.11,0.98,0.17,0.91 spacing 0.11
do for [panel in "loss_after avg"] {
  set title (panel eq "avg" ? "tasks" : "held-out text")
  set ylabel (panel eq "avg" ? "average of nine tasks, %" : "loss after distillation, nats per token")
  if (ours == 0) {
    set yrange [0:1]; unset ytics
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN notitle
    unset label 1; set ytics
  } else {
    set yrange [*:*]
    set key center right
    plot for [i=1:2] csv using (column("kv_p_ours")):(keep(strcol("init_ours") eq word("svd random", i), column(panel."_ours"))) with linespoints lt i title word("SVD random", i), \
      for [i=1:2] csv using (column("kv_p_ours")):(keep(strcol("init_ours") eq word("svd random", i), column(panel."_ours"))):(column(panel."_interval")) with yerrorbars lt i notitle
  }
}
unset multiplot
