# Held-out loss after distillation by size of the KV cache, on two published checkpoints.
caption = "Full scale of small published checkpoints on TinyStories."
height = 400
load "style.gp"
set logscale x
set xtics ("9.4 %%" 9.375, "15.6 %%" 15.625, "25 %%" 25, "53 %%" 53.125)
set xrange [8.3:60]
set xlabel "KV cache, share of the original's"
set key top right
on(model, name, kind) = strcol("checkpoint") eq model && strcol("start") eq name && strcol("run") eq kind
set multiplot layout 1,2 margins 0.11,0.98,0.17,0.91 spacing 0.09
do for [model in "babyllama stories260K"] {
  if (model eq "babyllama") { set ylabel "held-out loss, nats per token" } else { unset ylabel }
  set title model eq "babyllama" ? "babyllama_tok361, 0.97 M" : "stories260K, 0.26 M"
  stats csv using (strcol("checkpoint") eq model) nooutput
  if (STATS_sum == 0) {
    set yrange [0:1]; unset ytics
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN notitle
    unset label 1; set ytics
  } else {
    set yrange [*:*]
    set autoscale yfixmin
    set offsets 0, 0, graph 0.12, graph 0.04
    plot csv using (column("kv_percent")):(keep(on(model, "paper", "cell"), column("after"))) with linespoints lt 1 title "paper's start", \
      csv using (column("kv_percent")):(keep(on(model, "aligned-covariance", "cell"), column("after"))) with linespoints lt 3 title "aligned + covariance", \
      csv using (column("kv_percent")):(keep(on(model, "paper", "long"), column("after"))) with points lt 1 pt 6 ps 1.3 title (model eq "babyllama" ? "4 M tokens" : ""), \
      csv using (column("kv_percent")):(keep(on(model, "aligned-covariance", "long"), column("after"))) with points lt 3 pt 8 ps 1.3 notitle, \
      csv using (column("kv_percent")):(keep(strcol("checkpoint") eq model, column("base"))) with lines lt 6 title "the original"
  }
}
unset multiplot
