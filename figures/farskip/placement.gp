# Free placement of the windows, simulated: what the published placement leaves.
caption = "Simulated, nothing was run on GPUs. free: projections, core attention and shared expert wherever their data allow."
width = 1040; height = 430
load "style.gp"
models = "'DeepSeek-V3 (6 layers)' 'DeepSeek-V2-Lite'"
set multiplot layout 1,2 margins 0.085,0.98,0.14,0.91 spacing 0.09
set xlabel "GPUs that share the experts"
set logscale x 2
set xtics (8, 16, 32, 64)
set xrange [7:74]
set title "training speed-up (simulated)"
set ylabel "speed-up over the ordinary block"
set yrange [1:1.5]
unset key
do for [panel = 1:2] {
  of(name) = column((panel == 1 ? name : (name eq "free" ? "free_overlap" : "overlap"))."_ours")
  if (panel == 2) {
    set title "communication that is hidden (simulated)"; set ylabel "%"; set yrange [0:105]
    set key bottom left
  }
  plot for [m = 1:2] csv using (column("gpus_ours")):(keep(strcol("model_ours") eq word(models, m), of("free"))) with linespoints lt m dt 2 pt (m == 1 ? 6 : 4) title word(models, m).", free", \
    for [m = 1:2] csv using (column("gpus_ours")):(keep(strcol("model_ours") eq word(models, m), of("speedup"))) with linespoints lt m title word(models, m).", published windows"
}
unset multiplot
