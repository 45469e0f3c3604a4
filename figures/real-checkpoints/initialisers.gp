# Held-out loss of babyllama_tok361 before and after distillation by start, at two sizes of KV cache.
caption = "Full scale of small published checkpoints on TinyStories."
height = 420
load "style.gp"
set style fill solid 0.9 noborder
names = "random paper covariance aligned aligned-covariance"
set xrange [0.4:5.6]
set xtics rotate by 25 right scale 0
set xtics ("random" 1, "paper" 2, "paper + cov." 3, "aligned" 4, "aligned + cov." 5)
set multiplot layout 1,2 margins 0.09,0.98,0.24,0.92 spacing 0.08
do for [size in "60 12"] {
  if (size eq "60") { set ylabel "held-out loss, nats per token"; unset key } else { unset ylabel; set key top right }
  set title size eq "60" ? "53 % of the KV cache" : "15.6 % of the KV cache"
  set yrange [0:6]
  stats csv using (strcol("rank") eq size) nooutput
  if (STATS_sum == 0) { set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey }
  on(i) = strcol("rank") eq size && strcol("start") eq word(names, i)
  plot for [i=1:5] csv using (i - 0.19):(keep(on(i), column("before"))):(0.36) with boxes lc rgb grey title (i == 1 ? "before distillation" : ""), \
    for [i=1:5] csv using (i + 0.19):(keep(on(i), column("after"))):(0.36) with boxes lc rgb blue title (i == 1 ? "after 0.6 M tokens" : ""), \
    for [i=1:5] csv using (i + 0.19):(keep(on(i), column("after"))):(keep(on(i), sprintf("%.2f", column("after")))) with labels offset 0,0.6 font ",10" notitle, \
    for [i=1:5] csv using (i - 0.19):(keep(on(i), column("before"))):(keep(on(i), sprintf("%.2f", column("before")))) with labels offset 0,0.6 font ",10" notitle
  unset label 1
}
unset multiplot
