# Zebra-Llama Figure 6: average by initialisation. The paper prints no numbers; all bars are ours.
caption = "Micro scale: nano-1b and the microworld's stand-ins of the tasks. Bars with ILD train on more: 0.75 M tokens, the hybrid 1.0 M, the others 0.5 M. Thin lines: 95 % intervals, where there are several seeds."
load "style.gp"
set title "nano-1b after distillation, by initialisation"
set ylabel "average of eight tasks, %"
mixers = "MLA Mamba2 hybrid"
starts = "'random' 'structured' 'structured + ILD'"
# Numbers stand above their intervals, where there are any.
half(interval) = interval == interval ? interval : 0
set style fill solid 0.9 noborder
set xrange [0.4:3.6]
set xtics ("latent attention" 1, "Mamba2" 2, "hybrid" 3) scale 0
if (ours == 0) {
  set yrange [0:1]; unset ytics
  set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
  plot NaN notitle
} else {
  set yrange [0:72]
  set key top center horizontal
  plot for [s=1:3] for [m=1:3] csv using (m + 0.26 * (s - 2)):(keep(strcol("mixers_ours") eq word(mixers, m) && strcol("start_ours") eq word(starts, s), column("avg_ours"))):(0.24) with boxes lt s title (m == 1 ? word(starts, s) : ""), \
    for [s=1:3] for [m=1:3] csv using (m + 0.26 * (s - 2)):(keep(strcol("mixers_ours") eq word(mixers, m) && strcol("start_ours") eq word(starts, s), column("avg_ours") + half(column("avg_interval")))):(sprintf("%.1f", column("avg_ours"))) with labels offset 0,0.6 font ",11" notitle, \
    for [s=1:3] for [m=1:3] csv using (m + 0.26 * (s - 2)):(keep(strcol("mixers_ours") eq word(mixers, m) && strcol("start_ours") eq word(starts, s), column("avg_ours")) - column("avg_interval")):(0):(2 * column("avg_interval")) with vectors nohead lw 1.5 dt 1 lc rgb "#333333" notitle
}
