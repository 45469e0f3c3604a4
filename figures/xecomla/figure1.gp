# X-EcoMLA Figure 1: average against compression by teacher; above the paper (after preference training),
# below ours, of the same stage. The paper's lines are labelled at their right end.
caption = "Ours at micro scale: nano models of 2 to 7 M parameters and the microworld's stand-ins of the tasks; the paper: models of 1 to 8 B parameters. All panels have one scale; a teacher has one colour in all. One seed; three stand in Table 11."
height = 640
load "style.gp"
place(c) = c < 3 ? 1 : c < 5 ? 2 : c < 8 ? 3 : c < 12 ? 4 : 5
set xtics ("1.9×" 1, "3.6×" 2, "6.4×" 3, "10.6×" 4, "12.8×" 5)
unset key
teachers = "1B 3B 8B"
on(panel, t) = strcol("panel") eq panel && strcol("teacher") eq t
stats csv using (strcol("cell") eq "base" && strcol("avg_ours") ne "" ? column("avg_ours") : 0) nooutput
our_base = STATS_max > 0 ? STATS_max : NaN
set multiplot layout 2,2 margins 0.09,0.98,0.10,0.94 spacing 0.07,0.13

do for [side in "avg_published avg_ours"] {
  theirs = side eq "avg_published"
  do for [panel in "left right"] {
    last = panel eq "left" ? 5 : 3
    set xrange [last - 2.4:last + 0.75]
    if (panel eq "left") { set ylabel "average of nine tasks, %" } else { unset ylabel }
    if (theirs) { unset xlabel } else { set xlabel "KV compression" }
    set title (theirs ? "paper, SFT+DPO, " . (panel eq "left" ? "7 B tokens" : "3.6 B tokens") : "ours, SFT+DPO, " . (panel eq "left" ? "twice the tokens" : "one unit of tokens"))
    if (!theirs && ours == 0) {
      set yrange [0:1]; unset ytics
      set label 1 "not run yet" at graph 0.5, 0.5 center textcolor rgb grey
      plot NaN
      unset label 1; set ytics
    } else {
      set yrange [49:58]
      base = theirs ? 52.77 : our_base
      if (base == base) {
        # At the right the paper's label would meet a teacher's.
        if (panel eq "left" || !theirs) { set label 2 "base" at first last + 0.12, first base left font ",11" textcolor rgb grey }
        set arrow 2 from graph 0, first base to first last + 0.05, first base nohead lt 6
      }
      # Vertical lines: 95 % intervals of ours. Ours may end in one point: there the colours of the panels above must do.
      named = theirs ? 3 : 0
      plot for [i=1:3] csv using (place(column("compression"))):(keep(on(panel, word(teachers, i)), column(side))) with linespoints lt i, \
        for [i=1:3] csv using (place(column("compression"))):(keep(!theirs && on(panel, word(teachers, i)), column(side))):(column("avg_interval")) with yerrorbars lt i, \
        for [i=1:named] csv using (place(column("compression"))):(keep(on(panel, word(teachers, i)) && place(column("compression")) == last, column(side))):(word(teachers, i)." teacher") with labels left offset 0.9,0 font ",11" textcolor lt i
      unset label 2; unset arrow 2
    }
  }
}
unset multiplot
