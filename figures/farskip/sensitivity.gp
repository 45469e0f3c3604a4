# What the prediction for EP32 depends on, simulated: one bar an assumption.
tooltips = "none"
caption = "Simulated, nothing was run on GPUs. Bars lead from the assumed setting to the one beside them."
width = 900; height = 430
load "style.gp"
set title "predicted speed-up at 32 GPUs when one assumption moves (simulated)"
set xlabel "speed-up of DeepSeek-V3 with six layers"
set lmargin 34
set yrange [7.7:-0.9]
set ytics scale 0
unset grid
set grid xtics lt 1 lw 0.6 lc rgb "#e4e4e4"
set style fill solid 0.9 noborder
set key bottom right
set xrange [1.1:1.4]
set arrow 1 from 1.22, -0.9 to 1.22, 7.7 nohead back lc rgb orange lw 1.5
set label 1 "published 1.22" at 1.2175, -0.5 right textcolor rgb orange font ",11"
set label 2 "as assumed 1.241" at first 1.2435, first -0.5 left textcolor rgb "#333333" font ",11"
settings(low, high) = low . (strlen(high) ? " or " . high : "")
plot csv using (column("base_ours")):0:(column("base_ours")):(column("low_ours")):($0 - 0.3):($0 + 0.3):ytic(strcol("assumption_ours") . ": " . settings(strcol("low_setting_ours"), strcol("high_setting_ours"))) with boxxyerror lc rgb blue title "first setting", \
  csv using (column("base_ours")):0:(column("base_ours")):(column("high_ours")):($0 - 0.3):($0 + 0.3) with boxxyerror lc rgb sky title "second setting"
