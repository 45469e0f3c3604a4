# Zebra-Llama Figure 3: sensitivity per layer of Llama-3.2-1B and the four layers that SMART chooses, and beside it what
# we measured on nano-1b. `zebra select --plot` draws other scores with it and sets: score and chosen (columns), headline, linear (what other layers are).
caption = "The paper's scores have no unit, ours are nats per token of a micro model (nano-1b): the scales cannot be shared."
if (!exists("score")) width = 1000
if (!exists("linear")) linear = "Mamba2"
load "style.gp"
set xlabel "layer"
set style fill solid 0.9 noborder
set yrange [*<0:*]
set xtics 1 scale 0
set key top right
set xzeroaxis lt 1 lw 1 lc rgb "#333333"
stats csv using "layer" nooutput
set xrange [-0.7:STATS_max + 0.7]
if (STATS_max > 24) set xtics 4
if (exists("score")) {
  set title headline
  set key above right horizontal
  set offsets 0, 0, graph 0.02, 0
  set ylabel "fall of the divergence from the teacher"
  plot csv using "layer":(keep(column(chosen) == 0, column(score))):(0.7) with boxes lc rgb grey title linear, \
    csv using "layer":(keep(column(chosen) == 1, column(score))):(0.7) with boxes lc rgb blue title "latent attention"
} else {
  set multiplot layout 1,2 margins 0.1,0.98,0.17,0.90 spacing 0.09
  set ylabel "fall of the divergence from the teacher"
  set title "Llama-3.2-1B (paper's scores) and SMART's four latent layers"
  if (ours == 0) {
    plot csv using "layer":"score_published":(0.7) with boxes lc rgb grey title "latent attention or not: not run yet"
  } else {
    plot csv using "layer":(keep(column("in_4_ours") == 0, column("score_published"))):(0.7) with boxes lc rgb grey title "Mamba2", \
      csv using "layer":(keep(column("in_4_ours") == 1, column("score_published"))):(0.7) with boxes lc rgb blue title "latent attention"
  }
  set title "nano-1b (ours)"
  set ylabel "fall of the divergence, nats per token"
  if (ours == 0) {
    set yrange [0:1]; set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN notitle
  } else {
    plot csv using "layer":"score_ours":(0.7) with boxes lc rgb orange notitle, \
      csv using "layer":(column("score_ours") - column("score_interval")):(0):(2 * column("score_interval")) with vectors nohead lw 1.5 dt 1 lc rgb "#333333" notitle
  }
  unset multiplot
}
