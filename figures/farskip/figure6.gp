# FarSkip-Collective Figure 6: time to the first token of DeepSeek-V3 by batch and prompt length, simulated.
caption = "Simulated, nothing was run on GPUs: published shapes and links. Overhead: fitted on the published 1.326 at 32 prompts of 2,048 tokens; at training's rate the blocks alone already lie below it."
width = 1040; height = 500
load "style.gp"
set multiplot layout 1,2 margins 0.095,0.98,0.14,0.91 spacing 0.11
set logscale xy 2
low(a, b) = a < b ? a : b
high(a, b) = a > b ? a : b
set ytics ("60" 60, "125" 125, "250" 250, "500" 500, "1,000" 1000, "2,000" 2000, "4,000" 4000, "8,000" 8000)
set yrange [24:130000]
set key top left
set label 1 "numbers: speed-up (published: 1.326, at most 1.34)" at graph 0.98, 0.05 right textcolor rgb blue font ",11"
set ylabel "milliseconds, blocks with experts"
do for [sweep in "batch prompt"] {
  set title "time to first token, DeepSeek-V3 (simulated), " . (sweep eq "batch" ? "by batch" : "by prompt")
  if (sweep eq "batch") { set xlabel "prompts of 2,048 tokens"; set xrange [0.8:90]; set xtics (1, 2, 4, 8, 16, 32, 64) }
  if (sweep eq "prompt") { set xlabel "tokens of each of 32 prompts"; set xrange [210:11000]; set xtics (256, 512, 1024, 2048, 4096, 8192) }
  plot csv using (column(sweep."_ours")):(keep(strcol("sweep_ours") eq sweep, column("standard_ours"))) with linespoints lt 6 title "ordinary, training's rate", \
    csv using (column(sweep."_ours")):(keep(strcol("sweep_ours") eq sweep, column("farskip_ours"))) with linespoints lt 1 title "FarSkip, training's rate", \
    csv using (column(sweep."_ours")):(keep(strcol("sweep_ours") eq sweep, low(column("farskip_ours"), column("fp8_farskip_ours")) * 0.66)):(sprintf("%.2f", column("speedup_ours"))) with labels textcolor rgb blue font ",11" notitle, \
    csv using (column(sweep."_ours")):(keep(strcol("sweep_ours") eq sweep, column("fp8_standard_ours"))) with linespoints lt 2 dt 2 pt 4 title "ordinary, FP8's rate, overhead", \
    csv using (column(sweep."_ours")):(keep(strcol("sweep_ours") eq sweep, column("fp8_farskip_ours"))) with linespoints lt 2 title "FarSkip, FP8's rate, overhead", \
    csv using (column(sweep."_ours")):(keep(strcol("sweep_ours") eq sweep, high(column("standard_ours"), column("fp8_standard_ours")) * 1.4)):(sprintf("%.2f", column("fp8_served_ours"))) with labels textcolor rgb orange font ",11" notitle
}
unset multiplot
