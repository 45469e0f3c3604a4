# FarSkip-Collective Figure 7: time between tokens of DeepSeek-V3 on two nodes, simulated.
caption = "Simulated, nothing was run on GPUs: published shapes and links. kappa: how much longer all of FarSkip's computation is taken to last. 1.25: from a third party's digest of the paper, not from its text."
width = 1040; height = 430
load "style.gp"
set multiplot layout 1,2 margins 0.085,0.98,0.14,0.91 spacing 0.09
set xlabel "tokens in each of 1,024 caches"
set logscale x 2
set xtics ("256" 256, "512" 512, "1k" 1024, "2k" 2048, "4k" 4096, "8k" 8192)
set xrange [220:9500]
set key top left
set title "time between tokens, DeepSeek-V3 on 16 GPUs (simulated)"
set ylabel "milliseconds, blocks with experts"
set yrange [0:*]
plot csv using (column("cached_ours")):(column("standard_ours")) with linespoints lt 6 title "ordinary", \
  csv using (column("cached_ours")):(column("farskip_ours")) with linespoints lt 1 title "FarSkip"
set title "shorter by the factor"
set ylabel "ordinary time / FarSkip's"
set yrange [0.9:1.7]
set key top right
set label 1 "1.25, not in the paper's text" at 240, 1.232 left textcolor rgb orange font ",11"
set arrow 1 from 220, 1.25 to 9500, 1.25 nohead lc rgb orange dt 3
set arrow 2 from 220, 1 to 9500, 1 nohead lc rgb "#333333" lw 0.8
plot csv using (column("cached_ours")):(column("unslowed_ours")) with linespoints lt 6 title "hiding slows nothing down", \
  csv using (column("cached_ours")):(column("speedup_ours")) with linespoints lt 1 title "kappa of training"
unset multiplot
