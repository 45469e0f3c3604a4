# hybrid throughput --plot: decoding speed and memory. Settings: models (names, divided by tabs), axis (context or
# batch).
# A name may hold blanks: the i-th of the list.
count = 1
do for [i = 1:strlen(models)] { if (models[i:i] eq "\t") { count = count + 1 } }
array names[count]
k = 1; names[1] = ""
do for [i = 1:strlen(models)] {
  if (models[i:i] eq "\t") { k = k + 1; names[k] = "" } else { names[k] = names[k] . models[i:i] }
}
width = 900; height = 330 + 20 * count
load "style.gp"
set multiplot layout 1,3 margins 0.085,0.985,(75.0 + 20 * count) / height,1 - 30.0 / height spacing 0.085
set xlabel (axis eq "context" ? "tokens in the cache" : "batch size")
set logscale xy
set xtics ("1" 1, "16" 16, "64" 64, "256" 256, "1k" 1000, "4k" 4000, "16k" 16000, "64k" 64000, "256k" 256000, "1M" 1000000)
if (axis eq "batch") {
  set xtics ("1" 1, "2" 2, "4" 4, "8" 8, "16" 16, "32" 32, "64" 64, "128" 128, "256" 256, "1024" 1024)
}
set key bottom left at screen 0.02, screen 0.02 vertical Left reverse maxrows count
do for [panel = 1:3] {
  column_name = word("tokens_per_second ms_per_step peak_bytes", panel)
  set title (panel == 1 ? "tokens per second" : panel == 2 ? "milliseconds per step" : "peak memory, MB")
  plot for [i = 1:count] csv using (column(axis)): \
    (keep(strcol("model") eq names[i], column(column_name) * (panel == 3 ? 1e-6 : 1))) \
    with linespoints lt i title (panel == 1 ? names[i] : "")
  unset key
}
unset multiplot
