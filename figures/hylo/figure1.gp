# HyLo Figure 1: word problems against the mean RULER score. Filled: trained at 64K (2,048), hollow: shorter.
width = 980; height = 430
load "style.gp"
set xlabel "RULER, mean over four lengths, %"
set xrange [0:*]; set yrange [0:*]
set offsets 0, graph 0.1, graph 0.08, 0
set multiplot layout 1,2 margins 0.07,0.98,0.14,0.91 spacing 0.08
is_long(t) = t eq "64K"
is_hylo(m) = m[1:4] eq "HyLo"
do for [side in "published ours"] {
  theirs = side eq "published"
  set title (theirs ? "paper, computed from its tables" : "ours, micro stand-ins of the 1B models")
  if (theirs) { set ylabel "GSM8K, %" } else { set ylabel "word problems, %" }
  set key bottom right
  if (!theirs && ours == 0) {
    set xrange [0:1]; set yrange [0:1]; unset tics; unset xlabel
    set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
    plot NaN notitle
  } else {
    ruler = "ruler_".side; gsm = "gsm_".side
    plot csv using (column(ruler)):(keep(is_hylo(strcol("model")) && is_long(strcol("trained")), column(gsm))) with points lt 1 ps 1.2 title "HyLo, 64K", \
      csv using (column(ruler)):(keep(is_hylo(strcol("model")) && !is_long(strcol("trained")), column(gsm))) with points lt 1 pt 6 ps 1.2 title "HyLo, 8K", \
      csv using (column(ruler)):(keep(!is_hylo(strcol("model")), column(gsm))) with points lt 2 ps 1.1 title "baselines"
  }
}
unset multiplot
