# HyLo Figure 4: short tasks and RULER at the longest length, by teacher and training length. Lines: 95 % intervals.
caption = "Ours at micro scale (8K is 256 tokens, 64K is 2,048). RULER has its own scale in each row: micro models find far less than the paper's. RULER's own formats stand in three fifths of our training text. Thin lines: 95 % intervals, where there are several seeds."
width = 980; height = 520
load "style.gp"
teachers = "none 1B 8B"
place(s) = sum [i = 1:3] (word(teachers, i) eq s ? i : 0)
set style fill solid 0.9 noborder
set xrange [0.4:3.6]
set xtics ("no teacher" 1, "1B teacher" 2, "8B teacher" 3) scale 0
set multiplot layout 2,2 margins 0.07,0.98,0.08,0.92 spacing 0.07,0.16
do for [side in "published ours"] {
  do for [measure in "short ruler"] {
    set title (side eq "published" ? "paper: " : "ours: ").(measure eq "short" ? "short tasks, %" : "RULER at the longest length, %")
    if (measure eq "short") { set yrange [0:75] } else { set yrange [0:*] }
    if (side eq "ours" && ours == 0) {
      set yrange [0:1]
      set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
      plot NaN notitle
    } else {
      if (measure eq "short") { set key top right horizontal } else { unset key }
      value = measure."_".side
      at(offset) = place(strcol("size")) + offset
      of(training, number) = keep(strcol("training") eq training, column(number))
      interval(name) = keep(side eq "ours", of(name, measure."_interval"))
      plot csv using (at(-0.2)):(of("8K+YaRN", value)):(0.36) with boxes lt 2 title "8K + YaRN", \
        csv using (at(0.2)):(of("64K", value)):(0.36) with boxes lt 1 title "64K", \
        csv using (at(-0.2)):(of("8K+YaRN", value) - interval("8K+YaRN")):(0):(2 * interval("8K+YaRN")) with vectors nohead lw 1.5 dt 1 lc rgb "#333333" notitle, \
        csv using (at(0.2)):(of("64K", value) - interval("64K")):(0):(2 * interval("64K")) with vectors nohead lw 1.5 dt 1 lc rgb "#333333" notitle
    }
  }
}
unset multiplot
