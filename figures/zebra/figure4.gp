# Zebra-Llama Figure 4: its points are not published; what the text states is written out.
caption = "Measured at micro scale: each name stands for a model of nano-8b's shape with those layers and random weights, on two CPU cores; 8 sequences. Points whose cache passes 16 GB are left out. Bars: 95 % over five timings."
width = 960
load "style.gp"
set title "decode throughput, micro stand-ins"
set xlabel "context, tokens"
set ylabel "tokens per second"
systems = "'Llama-3.1-8B' 'MambaInLlama-8B' 'X-EcoMLA-8B' 'Zebra-Llama-8B 16MLA-16M2' 'Zebra-Llama-8B 8MLA-24M2'"
if (ours == 0) {
  set xrange [0:1]; set yrange [0:1]; unset tics; unset key
  set label 1 "not run yet; the paper's text states:" at graph 0.5, 0.9 center textcolor rgb grey
  plot csv using (0.04):(strcol("stated") eq "" ? NaN : 0.78 - 0.12 * $0):(strcol("system").", ".strcol("context").": ".strcol("stated")) with labels left font ",11"
} else {
  set logscale xy 2
  set xrange [3600:300000]
  set xtics ("4k" 4096, "8k" 8192, "16k" 16384, "32k" 32768, "64k" 65536, "128k" 131072, "256k" 262144)
  set key outside right center
  plot for [i=1:5] csv using (column("length_ours")):(keep(strcol("system_ours") eq word(systems, i), column("throughput_ours"))):(of_five(column("throughput_stderr"))) with yerrorlines lt i title word(systems, i)
}
