# Held-out loss of babyllama_tok361 after distillation, by size of the KV cache and by start.
caption = "Full scale of a small published checkpoint: babyllama_tok361 (1 M parameters) on TinyStories. Thin lines: 95 % intervals, where there are several seeds."
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
  set yrange [0.6:2]
  set key top right
  stats csv using (strcol("cell") eq "base" ? column("after_ours") : NaN) nooutput
  base = STATS_mean
  loss(start) = keep(strcol("start_ours") eq start, column("after_ours"))
  interval(start) = keep(strcol("start_ours") eq start, column("after_interval"))
  plot csv using (column("kv_p_ours")):(loss("random")) with lines lt 2 notitle, \
    csv using (column("kv_p_ours")):(loss("random")):(interval("random")) with yerrorbars lt 2 title "random start", \
    csv using (column("kv_p_ours")):(loss("svd")) with lines lt 1 notitle, \
    csv using (column("kv_p_ours")):(loss("svd")):(interval("svd")) with yerrorbars lt 1 title "SVD start (paper)", \
    base with lines lt 6 title "the original"
}
