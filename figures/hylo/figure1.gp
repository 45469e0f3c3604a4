# HyLo Figure 1: word problems against the mean RULER score. Filled: trained at 64K (2,048), hollow: shorter.
tooltips = "xy"
caption = "Ours at micro scale (nano-1b; nano-3b and nano-qwen, 13 to 35, find no needles; 64K is 2,048 tokens, 8K is 256). The panels have their own scales: micro models solve far less than the paper's. RULER's own formats stand in three fifths of our training text. Thin lines: 95 % intervals, where there are several seeds. On the right only 1 to 12 and 15 are numbered."
width = 1180; height = 520
load "style.gp"
set xlabel "RULER, mean over four lengths, %"
set xrange [0:*]; set yrange [0:*]
set offsets 0, graph 0.1, graph 0.08, 0
set multiplot layout 1,2 margins 0.055,0.79,0.13,0.92 spacing 0.07
is_long(t) = t eq "64K"
is_hylo(m) = m[1:4] eq "HyLo"
# Numbers that stand on the other side of their points, where neighbours would cover them.
is_below(n) = strstrt(" 5 7 10 12 18 19 20 21 33 ", sprintf(" %d ", n)) > 0
do for [side in "published ours"] {
  theirs = side eq "published"
  # The others of ours stand on each other, beside zero.
  named(n) = theirs || n <= 12 || n == 15
  set title (theirs ? "paper, computed from its tables" : "ours, micro stand-ins")
  if (theirs) { set ylabel "GSM8K, %" } else { set ylabel "word problems, %" }
  set key bottom right
  if (!theirs && ours == 0) {
    set xrange [0:1]; set yrange [0:1]; unset tics; unset xlabel
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN notitle
  } else {
    ruler = "ruler_".side; gsm = "gsm_".side
    # Lines: 95 % intervals of ours.
    spread(name) = keep(!theirs, column(name."_interval"))
    plot csv using (column(ruler)):(column(gsm)):(spread("ruler")):(spread("gsm")) with xyerrorbars pt 0 lw 0.8 lc rgb "#bbbbbb" notitle, \
      csv using (column(ruler)):(keep(is_hylo(strcol("model")) && is_long(strcol("trained")), column(gsm))) with points lt 1 ps 1.2 title "HyLo, 64K", \
      csv using (column(ruler)):(keep(is_hylo(strcol("model")) && !is_long(strcol("trained")), column(gsm))) with points lt 1 pt 6 ps 1.2 title "HyLo, 8K", \
      csv using (column(ruler)):(keep(!is_hylo(strcol("model")), column(gsm))) with points lt 2 ps 1.1 title "baselines", \
      csv using (column(ruler)):(keep(named($0 + 1) && !is_below($0 + 1), column(gsm))):(sprintf("%d", $0 + 1)) with labels left offset 0.6,0.3 font ",9" textcolor rgb "#444444" notitle, \
      csv using (column(ruler)):(keep(named($0 + 1) && is_below($0 + 1), column(gsm))):(sprintf("%d", $0 + 1)) with labels right offset -0.6,-0.3 font ",9" textcolor rgb "#444444" notitle
  }
}
# What the numbers are.
unset offsets; unset xlabel; unset ylabel
set lmargin at screen 0.805; set rmargin at screen 0.995; set tmargin at screen 0.93; set bmargin at screen 0.02
unset border; unset tics; unset key; unset grid; unset title
set xrange [0:1]; set yrange [36:-1]
plot csv using (0):0:(sprintf("%d  %s%s", $0 + 1, strcol("model"), strcol("trained") eq "baseline" ? "" : ", " . strcol("trained"))) \
  with labels left font ",9" textcolor rgb "#444444"
unset multiplot
