# Published speed-ups beside the simulator's: grey bars are what was published (a range, or a point), dots are simulated.
tooltips = "x"
caption = "Simulated, nothing was run on GPUs. L6: six layers; EP: GPUs that share the experts; prefill 512: prompts of 512 tokens. Published for V3's decoding: a third party's 1.25."
width = 900; height = 570
load "style.gp"
set title "speed-up of FarSkip: published and simulated"
set xlabel "ordinary time / FarSkip's"
set lmargin 26
set yrange [16.7:-0.7]
set xrange [0.98:1.75]
set ytics scale 0
unset grid
set grid xtics lt 1 lw 0.6 lc rgb "#e4e4e4"
set key top right
trains(f) = f eq "efficiency and kappa"
serves(f) = strstrt(f, "overhead") > 0
plot csv using (column("speedup_published")):0:(column("speedup_published") - 0.003):(column("largest") + 0.003):($0 - 0.34):($0 + 0.34):ytic(strcol("cell")) with boxxyerror fs solid 0.9 noborder lc rgb "#c4c4c4" title "published", \
  csv using (keep(trains(strcol("fits_ours")), column("speedup_ours"))):0 with points lt 1 pt 6 ps 1.2 title "blocks alone, fitted", \
  csv using (keep(!trains(strcol("fits_ours")), column("speedup_ours"))):0 with points lt 1 ps 1.2 title "blocks alone, predicted", \
  csv using (column("fp8_ours")):0 with points lt 2 pt 4 ps 1.1 title "blocks alone, FP8's rate", \
  csv using (keep(serves(strcol("fits_ours")), column("served_ours"))):0 with points lt 3 pt 8 ps 1.4 title "with the system's overhead, fitted", \
  csv using (keep(!serves(strcol("fits_ours")), column("served_ours"))):0 with points lt 3 ps 1.4 title "with the system's overhead, predicted", \
  csv using (column("fp8_served_ours")):0 with points lt 4 pt 10 ps 1.3 title "with the system's overhead, FP8's rate"
