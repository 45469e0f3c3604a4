# X-EcoMLA Figure 3: training loss by initialisation. The paper prints no points; all curves are ours.
caption = "Micro scale: nano-1b on the microworld. SVD at fixed rank: mean and 95 % band of three seeds; the others one seed."
load "style.gp"
set title "distillation loss of nano-1b at 53 % of the KV cache"
set xlabel "tokens, thousands"
set ylabel "KL from the teacher, nats per token"
if (ours == 0) {
  set xrange [0:1]; set yrange [0:1]; unset tics
  set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
  plot NaN notitle
} else {
  set logscale y
  set autoscale yfix
  set ytics (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
  set key top right
  # Bands: 95 % intervals.
  edge(cell, sign) = keep(strcol("cell") eq cell, column("value") + sign * column("interval"))
  array cells[4] = ["random", "fixed", "dynamic", "fixed normalised"]
  array styles[4] = [2, 1, 5, 4]
  plot for [i=1:4] csv using (column("x") / 1000):(edge(cells[i], -1)):(edge(cells[i], 1)) with filledcurves lt styles[i] fs transparent solid 0.2 notitle, \
    csv using (column("x") / 1000):(keep(strcol("cell") eq "random", column("value"))) with lines lt 2 title "random", \
    csv using (column("x") / 1000):(keep(strcol("cell") eq "fixed", column("value"))) with lines lt 1 title "SVD, fixed rank", \
    csv using (column("x") / 1000):(keep(strcol("cell") eq "dynamic", column("value"))) with lines lt 5 title "SVD, dynamic rank", \
    csv using (column("x") / 1000):(keep(strcol("cell") eq "fixed normalised", column("value"))) with lines lt 4 title "SVD, fixed rank, normalised latents"
}
