# hybrid throughput --plot: decoding speed and memory. Settings: models (names, divided by spaces), axis (context or
# batch).
width = 900
load "style.gp"
set multiplot layout 1,3 margins 0.085,0.985,0.17,0.90 spacing 0.085
set xlabel (axis eq "context" ? "tokens in the cache" : "batch size")
set logscale xy
set xtics ("1" 1, "16" 16, "64" 64, "256" 256, "1k" 1000, "4k" 4000, "16k" 16000, "64k" 64000, "256k" 256000, "1M" 1000000)
set key bottom left
do for [panel = 1:3] {
  column_name = word("tokens_per_second ms_per_step peak_bytes", panel)
  set title (panel == 1 ? "tokens per second" : panel == 2 ? "milliseconds per step" : "peak memory, MB")
  plot for [i = 1:words(models)] csv using (column(axis)): \
    (keep(strcol("model") eq word(models, i), column(column_name) * (panel == 3 ? 1e-6 : 1))) \
    with linespoints lt i title (panel == 1 ? word(models, i) : "")
  unset key
}
unset multiplot
