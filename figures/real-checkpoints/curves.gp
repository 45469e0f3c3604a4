# The paper's Figure 3 on babyllama_tok361: held-out loss by distillation tokens and start.
caption = "Full scale of a small published checkpoint: babyllama (1 M parameters) on TinyStories."
height = 420
load "style.gp"
stats csv using (strcol("rank") eq "60") nooutput
rows60 = STATS_sum
stats csv using (strcol("rank") eq "12") nooutput
rows12 = STATS_sum
set logscale y
set ytics (0.7, 0.8, 1, 1.5, 2, 3, 4, 6)
set xlabel "distillation tokens, thousands"
set xrange [0:620]
on(name, size) = strcol("checkpoint") eq "babyllama" && strcol("start") eq name && strcol("rank") eq size
set multiplot layout 1,2 margins 0.10,0.98,0.17,0.91 spacing 0.08
do for [size in "60 12"] {
  if (size eq "60") { set ylabel "held-out loss, nats per token"; unset key } else { unset ylabel; set key top right }
  set title size eq "60" ? "53 % of the KV cache" : "15.6 % of the KV cache"
  set yrange [0.65:6.5]
  if ((size eq "60" ? rows60 : rows12) == 0) { set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey }
  plot csv using (column("tokens") / 1000):(keep(on("random", size), column("loss"))) with lines lt 2 title "random", \
    csv using (column("tokens") / 1000):(keep(on("paper", size), column("loss"))) with lines lt 1 title "SVD, fixed rank (paper)", \
    csv using (column("tokens") / 1000):(keep(on("dynamic", size), column("loss"))) with lines lt 5 title "SVD, dynamic rank (paper)", \
    csv using (column("tokens") / 1000):(keep(on("aligned", size), column("loss"))) with lines lt 4 title "aligned", \
    csv using (column("tokens") / 1000):(keep(on("aligned-covariance", size), column("loss"))) with lines lt 3 title "aligned + covariance", \
    csv using (column("tokens") / 1000):(keep(strcol("checkpoint") eq "babyllama" && strcol("start") eq "base", column("loss"))) with lines lt 6 title "the original"
  unset label 1
}
unset multiplot
