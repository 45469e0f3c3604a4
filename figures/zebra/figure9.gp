# Zebra-Llama Figure 9: its points are not published.
caption = "Measured at micro scale: each name stands for a model of nano-8b's shape with those layers and random weights. Memory at the end of 8,192 tokens. Points whose cache passes 16 GB are left out."
width = 960
load "style.gp"
set title "peak memory from a one-token prompt, micro stand-ins"
set xlabel "batch size"
set ylabel "GB"
systems = "'Llama-3.1-8B' 'MambaInLlama-8B' 'X-EcoMLA-8B' 'Zebra-Llama-8B 16MLA-16M2' 'Zebra-Llama-8B 8MLA-24M2'"
if (ours == 0) {
  set xrange [0:1]; set yrange [0:1]; unset tics
  set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
  plot NaN notitle
} else {
  set logscale xy 2
  set xrange [7:1200]
  set key outside right center
  plot for [i=1:5] csv using (column("size_ours")):(keep(strcol("system_ours") eq word(systems, i), column("peak_ours"))) with linespoints lt i title word(systems, i)
}
