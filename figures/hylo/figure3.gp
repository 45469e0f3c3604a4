# HyLo Figure 3: short tasks and RULER at the longest length, by training length and YaRN. Lines: 95 % intervals.
caption = "Ours at micro scale, tokens in brackets. RULER has its own scale in each row. 4MLA12M2: 4 layers of MLA, 12 of Mamba2; the paper has no 8MLA8M2 at 2K. RULER's own formats stand in three fifths of our training text. Thin lines: 95 % intervals, where there are several seeds."
width = 980; height = 520
load "style.gp"
settings = "2K 2K+YaRN 8K 8K+YaRN 64K"
place(s) = sum [i = 1:5] (word(settings, i) eq s ? i : 0)
set style fill solid 0.9 noborder
set xrange [0.4:5.6]
set xtics ("2K\n(64)" 1, "2K\n+YaRN" 2, "8K\n(256)" 3, "8K\n+YaRN" 4, "64K\n(2,048)" 5) scale 0
set multiplot layout 2,2 margins 0.07,0.98,0.11,0.92 spacing 0.07,0.2
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
      at(offset) = place(strcol("setting")) + offset
      of(model, number) = keep(strcol("model") eq model, column(number))
      interval(name) = keep(side eq "ours", of(name, measure."_interval"))
      plot csv using (at(-0.2)):(of("1B-4MLA12M2", value)):(0.36) with boxes lt 1 title "4MLA12M2", \
        csv using (at(0.2)):(of("1B-8MLA8M2", value)):(0.36) with boxes lt 2 title "8MLA8M2", \
        csv using (at(-0.2)):(of("1B-4MLA12M2", value) - interval("1B-4MLA12M2")):(0):(2 * interval("1B-4MLA12M2")) with vectors nohead lw 1.5 dt 1 lc rgb "#333333" notitle, \
        csv using (at(0.2)):(of("1B-8MLA8M2", value) - interval("1B-8MLA8M2")):(0):(2 * interval("1B-8MLA8M2")) with vectors nohead lw 1.5 dt 1 lc rgb "#333333" notitle
    }
  }
}
unset multiplot
