# What the prediction for EP32 depends on, simulated: one bar an assumption.
width = 900; height = 430
load "style.gp"
set title "predicted speed-up at 32 GPUs when one assumption moves and the fit is repeated (simulated)"
set xlabel "speed-up of DeepSeek-V3 with six layers"
set lmargin 24
set yrange [7.7:-0.7]
set ytics scale 0
unset grid
set grid xtics lt 1 lw 0.6 lc rgb "#e4e4e4"
set style textbox opaque noborder fillcolor "#ffffff"
set style fill solid 0.9 noborder
set key bottom right
set xrange [1.1:1.4]
set arrow 1 from 1.22, -0.7 to 1.22, 7.7 nohead back lc rgb orange lw 1.5
set label 1 "published" at 1.217, 7.4 right textcolor rgb orange font ",11"
# Words stand outside the bar, room for their length.
beside(side) = column(side."_ours") + (column(side."_ours") < column("base_ours") ? -1 : 1) * (0.003 + 0.0016 * strlen(strcol(side."_setting_ours")))
plot csv using (column("base_ours")):0:(column("base_ours")):(column("low_ours")):($0 - 0.3):($0 + 0.3):ytic(strcol("assumption_ours")) with boxxyerror lc rgb blue title "first setting", \
  csv using (column("base_ours")):0:(column("base_ours")):(column("high_ours")):($0 - 0.3):($0 + 0.3) with boxxyerror lc rgb sky title "second setting", \
  csv using (beside("low")):0:(strcol("low_setting_ours")) with labels boxed font ",11" notitle, \
  csv using (beside("high")):0:(strcol("high_setting_ours")) with labels boxed font ",11" notitle
