# X-EcoMLA Figure 1: average against compression by teacher; above the paper (after preference training),
# below ours (the SFT part, until preference training exists).
height = 640
load "style.gp"
place(c) = c < 3 ? 1 : c < 5 ? 2 : c < 8 ? 3 : c < 12 ? 4 : 5
set xtics ("1.9×" 1, "3.6×" 2, "6.4×" 3, "10.6×" 4, "12.8×" 5)
teachers = "1B 3B 8B"
set multiplot layout 2,2 margins 0.08,0.98,0.09,0.88 spacing 0.07,0.12

do for [side in "published ours"] {
  do for [panel in "left right"] {
    set xrange [(panel eq "left" ? 2.6 : 0.6):(panel eq "left" ? 5.4 : 3.4)]
    if (panel eq "left") { set ylabel "average of nine tasks, %" } else { unset ylabel }
    set title (side eq "published" ? "paper, SFT+DPO, " : "ours, SFT part, ") . (panel eq "left" ? (side eq "ours" ? "1 M tokens" : "7 B tokens") : (side eq "ours" ? "0.5 M tokens" : "3.6 B tokens"))
    if (side eq "ours") { set xlabel "KV compression" } else { unset xlabel }
    if (side eq "published") {
      set yrange [49:56]
      # One legend for all panels.
      if (panel eq "left") { set key at screen 0.5, 0.98 center top horizontal } else { unset key }
      plot 52.77 with lines lt 6 title "base", \
        for [t in teachers] csv using (place(column("compression"))):(keep(strcol("panel") eq panel && strcol("teacher") eq t, column("avg_published"))) with linespoints lt (word(teachers,1) eq t ? 1 : word(teachers,2) eq t ? 2 : 3) title "teacher ".t
    } else {
      if (ours == 0) {
        set yrange [0:1]; unset ytics
        set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
        plot NaN notitle
        unset label 1; set ytics
      } else {
        set yrange [*:*]
        plot for [t in teachers] csv using (place(column("compression"))):(keep(strcol("panel") eq panel && strcol("teacher") eq t, column("sft_avg_ours"))) with linespoints lt (word(teachers,1) eq t ? 1 : word(teachers,2) eq t ? 2 : 3) notitle
      }
    }
  }
}
unset multiplot
