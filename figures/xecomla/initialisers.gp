# Held-out loss before and after distillation by initialiser, at two KV sizes.
caption = "Micro scale: nano-1b on the microworld; cov.: factors weighted by the inputs' covariance on calibration text; aligned: rotary pairs stay whole. Thin lines: 95 % intervals, where there are several seeds."
height = 420
load "style.gp"
set style fill solid 0.9 noborder
names = "'random' 'paper' 'paper + covariance' 'aligned' 'aligned + covariance'"
set xrange [0.4:5.6]
set xtics rotate by 25 right scale 0
set xtics ("random" 1, "paper" 2, "paper + cov." 3, "aligned" 4, "aligned + cov." 5)
# Cells of each size that have run: a panel without any says so.
stats csv using (strcol("cell")[1:4] eq "53.1" && strcol("loss_after_ours") ne "") nooutput
ran53 = STATS_sum
stats csv using (strcol("cell")[1:4] eq "15.6" && strcol("loss_after_ours") ne "") nooutput
ran15 = STATS_sum
set multiplot layout 1,2 margins 0.09,0.98,0.24,0.92 spacing 0.08
do for [size in "53.1 15.6"] {
  if (size eq "53.1") { set ylabel "held-out loss, nats per token" } else { unset ylabel }
  set title size . " % of the KV cache"
  if ((size eq "53.1" ? ran53 : ran15) == 0) {
    set yrange [0:1]; unset ytics
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN notitle
    unset label 1; set ytics nomirror
  } else {
    set yrange [0:*]
    set key top right
    plot for [i=1:5] csv using (i - 0.19):(keep(strcol("cell") eq size." % ".word(names, i), column("loss_before_ours"))):(0.36) with boxes lc rgb grey title (i == 1 ? "before distillation" : ""), \
      for [i=1:5] csv using (i + 0.19):(keep(strcol("cell") eq size." % ".word(names, i), column("loss_after_ours"))):(0.36) with boxes lc rgb blue title (i == 1 ? "after distillation" : ""), \
      for [i=1:5] csv using (i + 0.19):(keep(strcol("cell") eq size." % ".word(names, i), column("loss_after_ours")) - column("loss_after_interval")):(0):(2 * column("loss_after_interval")) with vectors nohead lw 1.5 dt 1 lc rgb "#333333" notitle
  }
}
unset multiplot
