# HyLo Figure 5: its points are not published; what the text states is written out.
caption = "Measured at micro scale: each name stands for a narrow model of as many layers on CPU cores, not the 3B models on a GPU. First tokens were timed up to 64k. Bars: 95 % over five timings."
width = 1040
height = 460
load "style.gp"
systems = "'Llama-3.2-3B' 'HyLo-6MLA22M2' 'HyLo-14MLA14M2'"
if (ours == 0) {
  set title "time to first token and per output token"
  set xrange [0:1]; set yrange [0:1]; unset tics; unset key
  set label 1 "not run yet; the paper's text states:" at graph 0.5, 0.92 center textcolor rgb grey
  plot csv using (0.04):(strcol("stated") eq "" ? NaN : 0.82 - 0.12 * $0):(strcol("system").", ".strcol("context").": ".strcol("stated")) with labels left font ",11"
} else {
  set logscale xy 2
  set format y "%g"
  set xtics ("8k" 8192, "16k" 16384, "32k" 32768, "64k" 65536)
  set xlabel "context, tokens"
  set multiplot layout 1,2
  set key bottom right
  set title "time to first token, micro stand-ins on two cores"
  set ylabel "seconds"
  set xrange [7000:76000]
  plot for [i=1:3] csv using (column("length_ours")):(keep(strcol("system_ours") eq word(systems, i), column("first_ours"))):(of_five(column("first_stderr"))) with yerrorlines lt i title word(systems, i)
  set title "time per output token, micro stand-ins"
  set xtics ("8k" 8192, "32k" 32768, "128k" 131072, "512k" 524288, "2M" 2097152)
  set xrange [7000:2400000]
  set ylabel "milliseconds"
  plot for [i=1:3] csv using (column("length_ours")):(keep(strcol("system_ours") eq word(systems, i), column("token_ours"))):(of_five(column("token_stderr"))) with yerrorlines lt i title word(systems, i)
  unset multiplot
}
