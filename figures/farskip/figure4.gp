# FarSkip-Collective Figure 4: time to the first token by prompt length, simulated; the paper's text gives a range.
caption = "Simulated, nothing was run on GPUs. Ours lies above the published bands: the all-reduces must have cost less of the paper's ordinary step than a ring at 310 GB/s costs of ours."
width = 1200; height = 430
load "style.gp"
models = "deepseek-v2 llama-4-scout"
names = "DeepSeek-V2 Llama-4-Scout"
set multiplot layout 1,2 margins 0.07,0.775,0.14,0.91 spacing 0.08
set xlabel "tokens of each of 16 prompts"
set logscale x 2
set xtics (512, 1024, 2048)
set xrange [440:2400]
set key top left
set title "time to first token, blocks with experts (simulated)"
set ylabel "milliseconds"
set yrange [0:950]
plot for [m = 1:2] csv using (column("prompt_ours")):(keep(strcol("model_ours") eq word(models, m), column("standard_ours"))) with linespoints lt m dt 2 pt (m == 1 ? 6 : 4) title word(names, m).", ordinary", \
  for [m = 1:2] csv using (column("prompt_ours")):(keep(strcol("model_ours") eq word(models, m), column("farskip_ours"))) with linespoints lt m title word(names, m).", FarSkip"
set title "shorter by the factor"
set ylabel "ordinary time / FarSkip's"
set yrange [1:1.7]
set key at screen 0.785, 0.9 left top Left reverse
stated(m) = sprintf("%s published", word(names, m))
array tint[2] = ["#0072b2", "#d55e00"]
plot csv using (500):(keep(strcol("model") eq "DeepSeek-V2", 1 + column("largest") / 100)):(500):(2150):(1 + column("least") / 100):(1 + column("largest") / 100) with boxxyerror fs transparent solid 0.22 noborder lc rgb tint[1] title stated(1), \
  csv using (500):(keep(strcol("model") eq "Llama-4-Scout", 1 + column("largest") / 100)):(500):(2150):(1 + column("least") / 100):(1 + column("largest") / 100) with boxxyerror fs transparent solid 0.22 noborder lc rgb tint[2] title stated(2), \
  for [m = 1:2] csv using (column("prompt_ours")):(keep(strcol("model_ours") eq word(models, m), column("speedup_ours") / 100)) with linespoints lt m title word(names, m).", training's rate", \
  for [m = 1:2] csv using (column("prompt_ours")):(keep(strcol("model_ours") eq word(models, m), column("fp8_ours") / 100)) with linespoints lt m dt 2 pt (m == 1 ? 6 : 4) title word(names, m).", FP8's rate"
unset multiplot
