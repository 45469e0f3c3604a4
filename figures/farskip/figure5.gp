# FarSkip-Collective Figure 5: training speed-up and hidden communication by GPUs, simulated; two points are published.
caption = "Simulated, nothing was run on GPUs: published shapes and links, one efficiency and one slow-down (kappa) fitted at 8 GPUs."
width = 1040; height = 430
load "style.gp"
set multiplot layout 1,2 margins 0.085,0.98,0.14,0.91 spacing 0.09
set xlabel "GPUs that share the experts"
set logscale x 2
set xtics (8, 16, 32, 64)
set xrange [7:74]
set key bottom right
set title "training, DeepSeek-V3 with six layers (simulated)"
set ylabel "speed-up over the ordinary block"
set yrange [1:1.4]
plot csv using (column("gpus_ours")):(column("unslowed_ours")) with linespoints lt 6 title "simulated, hiding slows nothing down", \
  csv using (column("gpus_ours")):(column("speedup_ours")) with linespoints lt 1 title "simulated, kappa fitted at 8 GPUs", \
  csv using (column("ep")):(column("speedup_published")) with points lt 2 ps 1.3 title "published"
set title "communication that is hidden (simulated)"
set ylabel "%"
set yrange [0:105]
set key bottom left
plot csv using (column("gpus_ours")):(column("overlap_ours")) with linespoints lt 1 title "both passes", \
  csv using (column("gpus_ours")):(column("forward_ours")) with linespoints lt 3 title "forward", \
  csv using (column("gpus_ours")):(column("backward_ours")) with linespoints lt 4 title "backward", \
  csv using (column("ep")):(column("overlap_published")) with points lt 2 ps 1.3 title "published, both passes"
unset multiplot
