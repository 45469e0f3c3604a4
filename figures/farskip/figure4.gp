# FarSkip-Collective Figure 4: time to the first token by prompt length, simulated; the paper's text gives a range.
caption = "Simulated, nothing was run on GPUs. Blocks alone lie above the published bands; vLLM's overhead per layer is fitted on DeepSeek-V2's largest speed-up (circle), at either rate; everything else with it is predicted. FP8: products at twice the rate fitted on training."
width = 1290; height = 430
load "style.gp"
models = "deepseek-v2 llama-4-scout"
names = "DeepSeek-V2 Llama-4-Scout"
set multiplot layout 1,2 margins 0.065,0.745,0.14,0.91 spacing 0.08
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
set title "shorter by the factor (bands: published)"
set ylabel "ordinary time / FarSkip's"
set yrange [1:1.7]
set key at screen 0.753, 0.9 left top Left reverse
stated(m) = sprintf("%s published", word(names, m))
array tint[2] = ["#0072b2", "#d55e00"]
plot csv using (500):(keep(strcol("model") eq "DeepSeek-V2", 1 + column("largest") / 100)):(500):(2150):(1 + column("least") / 100):(1 + column("largest") / 100) with boxxyerror fs transparent solid 0.22 noborder lc rgb tint[1] title stated(1), \
  csv using (500):(keep(strcol("model") eq "Llama-4-Scout", 1 + column("largest") / 100)):(500):(2150):(1 + column("least") / 100):(1 + column("largest") / 100) with boxxyerror fs transparent solid 0.22 noborder lc rgb tint[2] title stated(2), \
  for [m = 1:2] csv using (column("prompt_ours")):(keep(strcol("model_ours") eq word(models, m), column("served_ours") / 100)) with linespoints lt m lw 2.5 title word(names, m).", with overhead", \
  for [m = 1:2] csv using (column("prompt_ours")):(keep(strcol("model_ours") eq word(models, m), column("fp8_served_ours") / 100)) with linespoints lt m dt 4 pt (m == 1 ? 12 : 8) title word(names, m).", with overhead, FP8", \
  for [m = 1:2] csv using (column("prompt_ours")):(keep(strcol("model_ours") eq word(models, m), column("speedup_ours") / 100)) with linespoints lt m dt 2 pt (m == 1 ? 6 : 4) title word(names, m).", blocks alone", \
  for [m = 1:2] csv using (column("prompt_ours")):(keep(strcol("model_ours") eq word(models, m), column("fp8_ours") / 100)) with linespoints lt m dt 3 pt (m == 1 ? 6 : 4) title word(names, m).", blocks alone, FP8", \
  csv using (keep(strcol("cell") eq "deepseek-v2 2048", column("prompt_ours"))):(column("served_ours") / 100) with points pt 6 ps 2.2 lw 1.5 lc rgb "#111111" title "fitted"
unset multiplot
