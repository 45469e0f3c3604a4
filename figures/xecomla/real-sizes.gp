# Held-out loss of babyllama_tok361 after distillation, by size of the KV cache and by start.
caption = "Full scale of a small published checkpoint: babyllama_tok361 (1 M parameters) on TinyStories."
height = 400
load "style.gp"
set title "held-out loss after 0.6 M tokens of distillation"
set xlabel "KV cache, share of the original's"
set ylabel "nats per token"
if (ours == 0) {
  set xrange [0:1]; set yrange [0:1]; unset tics
  set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
  plot NaN notitle
} else {
  set logscale x
  set xtics ("9.4 %%" 9.375, "15.6 %%" 15.625, "25 %%" 25, "53 %%" 53.125)
  set xrange [8.3:60]
  set yrange [0.6:1.8]
  set key top right
  stats csv using (strcol("cell") eq "base" ? column("after_ours") : NaN) nooutput
  base = STATS_mean
  deviation(start) = keep(strcol("start_ours") eq start, column("after_std"))
  plot csv using (column("kv_p_ours")):(keep(strcol("start_ours") eq "random", column("after_ours"))) with linespoints lt 2 title "random start", \
    csv using (column("kv_p_ours")):(keep(strcol("start_ours") eq "random", column("after_ours"))):(deviation("random")) with yerrorbars lt 2 pt 0 notitle, \
    csv using (column("kv_p_ours")):(keep(strcol("start_ours") eq "svd", column("after_ours"))) with linespoints lt 1 title "SVD start (paper)", \
    csv using (column("kv_p_ours")):(keep(strcol("start_ours") eq "svd", column("after_ours"))):(deviation("svd")) with yerrorbars lt 1 pt 0 notitle, \
    base with lines lt 6 title "the original"
}
