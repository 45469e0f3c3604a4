# Zebra-Llama Figure 1: average against KV size of the 8B models; the area of a bubble stands for the decimal
# logarithm of its training tokens.
tooltips = "xy"
caption = "Published: 8B models (* reproduced by Zebra's authors). Ours: nano-8b at micro scale, three seeds where a line shows the 95 % interval, else one; bubbles by the paper's tokens. Our Minitron is nano-8b pruned with its cache whole."
width = 860; height = 420
load "style.gp"
set xlabel "KV size, % of the base"
set xrange [-8:140]
set xtics 0,25,100
set offsets 0, 0, graph 0.12, graph 0.12
unset key
billions(t) = real(t[1:strlen(t) - 1]) * (t[strlen(t):*] eq "T" ? 1000 : 1)
area(t) = 0.9 * sqrt(log10(billions(t)))
zebra(m) = m[1:5] eq "Zebra"
set multiplot layout 1,2 margins 0.1,0.98,0.15,0.91 spacing 0.05
do for [side in "avg_published avg_ours"] {
  theirs = side eq "avg_published"
  kv = theirs ? "kv_published" : "kv_ours"
  set title (theirs ? "paper (bubbles: training tokens)" : "ours")
  if (theirs) { set ylabel "average of eight tasks, %" } else { unset ylabel }
  if (!theirs && ours == 0) {
    set yrange [0:1]; unset ytics
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN
  } else {
    set yrange [*:*]
    # What is not shown lies outside the picture: gnuplot 5.4 ends in a fault where it writes a plot without points as numbers.
    at(shown) = shown ? column(kv) : -1000
    wide(i) = !theirs && i > 0 ? i : 0
    plot csv using (at(!zebra(strcol("model")))):(column(side)):(area(strcol("tokens_published"))) with points pt 7 ps variable lc rgb grey, \
      csv using (at(zebra(strcol("model")))):(column(side)):(area(strcol("tokens_published"))) with points pt 7 ps variable lc rgb blue, \
      csv using (at(wide(column("avg_interval")) > 0)):(column(side) - wide(column("avg_interval"))):(0):(2 * wide(column("avg_interval"))) with vectors nohead lw 1 lc rgb "#333333", \
      csv using (at(!zebra(strcol("model")))):(column(side)):(strcol("model")) with labels left offset 1.3,0.25 font ",10" textcolor rgb "#333333", \
      for [above = 0:1] csv using (at(zebra(strcol("model")) && above == (strcol("model")[16:*] eq "16MLA-16M2"))):(column(side)):(strcol("model")[16:*]) with labels left offset 0.8,(above ? 0.75 : -0.75) font ",10" textcolor rgb blue
  }
}
unset multiplot
