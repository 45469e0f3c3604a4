# FarSkip Figure 8: training loss from random weights by connectivity. The paper prints no points; all curves are ours.
caption = "Micro scale: nano-dsv2 on the microworld. attention-only: attention does not see the routed experts of the layer before; mlp-only: experts do not see the attention of their layer; FarSkip: both. One seed: no intervals."
load "style.gp"
set title "nano-dsv2 from random weights on the microworld"
set xlabel "tokens, thousands"
set ylabel "training loss, nats per token"
if (ours == 0) {
  set xrange [0:1]; set yrange [0:1]; unset tics
  set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
  plot NaN notitle
} else {
  set logscale y
  set autoscale yfix
  set ytics (1.5, 2, 2.5, 3, 4, 5, 6, 7)
  set key top right
  array cells[4] = ["regular", "FarSkip", "attention-only", "mlp-only"]
  array styles[4] = [6, 1, 3, 2]
  # Bands: 95 % intervals.
  edge(cell, sign) = keep(strcol("cell") eq cell, column("value") + sign * column("interval"))
  plot for [i=1:4] csv using (column("x") / 1000):(edge(cells[i], -1)):(edge(cells[i], 1)) with filledcurves lt styles[i] fs transparent solid 0.2 notitle, \
    for [i=1:4] csv using (column("x") / 1000):(keep(strcol("cell") eq cells[i], column("value"))) with lines lt styles[i] title cells[i]
}
