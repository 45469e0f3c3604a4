# Published speed-ups beside the simulator's: grey bars are what was published (a range, or a point), dots are simulated.
tooltips = "x"
caption = "Simulated, nothing was run on GPUs. L6: six layers; EP: GPUs that share the experts."
width = 900; height = 520
load "style.gp"
set title "speed-up of FarSkip: published and simulated"
set xlabel "ordinary time / FarSkip's"
set lmargin 26
set yrange [14.7:-0.7]
set xrange [0.98:1.75]
set ytics scale 0
unset grid
set grid xtics lt 1 lw 0.6 lc rgb "#e4e4e4"
set key top right
plot csv using (column("speedup_published")):0:(column("speedup_published") - 0.003):(column("largest") + 0.003):($0 - 0.34):($0 + 0.34):ytic(strcol("case")) with boxxyerror fs solid 0.9 noborder lc rgb "#c4c4c4" title "published", \
  csv using (keep(strcol("remark") eq "fitted", column("speedup_ours"))):0 with points lt 1 pt 6 ps 1.2 title "simulated, fitted", \
  csv using (keep(strcol("remark") ne "fitted", column("speedup_ours"))):0 with points lt 1 ps 1.2 title "simulated, predicted", \
  csv using (column("fp8_ours")):0 with points lt 2 pt 4 ps 1.1 title "predicted with FP8's rate"
