# Held-out loss of babyllama_tok361 after distillation by start, at two sizes of the KV cache.
caption = "Full scale of a small published checkpoint: babyllama_tok361 (1 M parameters) on TinyStories. aligned: rotary pairs stay whole; covariance: the SVD weighs inputs as they occur. Thin lines: 95 % intervals, where there are several seeds."
height = 400
load "style.gp"
set style fill solid 0.9 noborder
if (ours == 0) {
  set xrange [0:1]; set yrange [0:1]; unset tics
  set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
  plot NaN notitle
} else {
  set xrange [0.4:4.6]
  set yrange [0:1.4]
  set xtics scale 0
  set xtics ("paper" 1, "paper +\ncovariance" 2, "aligned" 3, "aligned +\ncovariance" 4)
  unset key
  set multiplot layout 1,2 margins 0.12,0.98,0.20,0.91 spacing 0.06
  do for [size in "53.1 15.6"] {
    if (size eq "53.1") { set ylabel "held-out loss, nats per token" } else { unset ylabel }
    set title size." % of the KV cache"
    stats csv using (strcol("status") eq "not run yet" && strstrt(strcol("cell"), size) == 1 ? 1 : 0) nooutput
    open = STATS_sum
    if (open > 0) { set label 2 "other starts: not run yet" at graph 0.62, 0.5 center textcolor rgb grey } else { unset label 2 }
    at(cell) = cell eq size." % paper" ? 1 : cell eq size." % paper + covariance" ? 2 : \
      cell eq size." % aligned" ? 3 : cell eq size." % aligned + covariance" ? 4 : NaN
    plot csv using (at(strcol("cell"))):(column("after_ours")):(0.6) with boxes lc rgb blue, \
      csv using (at(strcol("cell"))):(column("after_ours") - column("after_interval")):(0):(2 * column("after_interval")) with vectors nohead lw 1.5 dt 1 lc rgb "#333333", \
      csv using (at(strcol("cell"))):(column("after_ours")):(sprintf("%.2f", column("after_ours"))) with labels offset 0,1.1 font ",11"
  }
  unset multiplot
}
