# Zebra-Llama Figure 3: sensitivity per layer of Llama-3.2-1B and the four layers that SMART chooses. `zebra select
# --plot` draws other scores with it and sets: score and chosen (columns), headline.
load "style.gp"
if (!exists("score")) score = "score_published"
if (!exists("chosen")) chosen = "in_4_ours"
if (!exists("headline")) headline = "Llama-3.2-1B (paper's scores): SMART's four latent-attention layers"
set title headline
set xlabel "layer"
set ylabel "fall of the divergence from the teacher"
set style fill solid 0.9 noborder
set yrange [0:*]
set xtics 1 scale 0
set key top right
stats csv using "layer" nooutput
set xrange [-0.7:STATS_max + 0.7]
if (STATS_max > 24) set xtics 4
if (ours == 0) {
  plot csv using "layer":(column(score)):(0.7) with boxes lc rgb grey title "latent attention or not: not run yet"
} else {
  plot csv using "layer":(keep(column(chosen) == 0, column(score))):(0.7) with boxes lc rgb grey title "Mamba2", \
    csv using "layer":(keep(column(chosen) == 1, column(score))):(0.7) with boxes lc rgb blue title "latent attention"
}
