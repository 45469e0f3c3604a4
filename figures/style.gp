# Loaded by every figure. `lab figure` sets: csv (the data), ours (how many rows hold numbers of ours) and
# output_file. A script's line `caption = "…"` is set below the picture, and `tooltips = "…"` says which of its coordinates
# marks show when pointed at: y (where it is left out), x, xy or none.
set encoding utf8
set datafile separator "\t"
set datafile columnheaders
set datafile missing NaN
if (!exists("width")) width = 760
if (!exists("height")) height = 380
set terminal svg size width,height font "DejaVu Sans,13" name "figure" background "#ffffff" noenhanced
set output output_file
# The numbers instead of the picture, for its tooltips.
if (exists("table_file")) { set table table_file }

set border 3 lw 1 lc rgb "#333333"
set tics nomirror out scale 0.5 textcolor rgb "#333333"
set grid ytics lt 1 lw 0.6 lc rgb "#e4e4e4"
set key noenhanced samplen 1.6 spacing 1.15 textcolor rgb "#333333"
set title offset 0,-0.4 textcolor rgb "#111111"
set bars small

# Okabe and Ito: told apart by everyone, also in print.
blue = "#0072b2"; orange = "#d55e00"; green = "#009e73"; purple = "#cc79a7"; sky = "#56b4e9"; grey = "#8c8c8c"
set linetype 1 lc rgb blue   lw 2 pt 7 ps 0.8
set linetype 2 lc rgb orange lw 2 pt 5 ps 0.8
set linetype 3 lc rgb green  lw 2 pt 9 ps 0.9
set linetype 4 lc rgb purple lw 2 pt 11 ps 0.9
set linetype 5 lc rgb sky    lw 2 pt 13 ps 0.9
set linetype 6 lc rgb grey   lw 1.5 dt 2 pt 6 ps 0.8

# Half of the 95 % interval of five timings, from their standard error: Student's t of four degrees of freedom.
of_five(stderr) = 2.776 * stderr

# The value where the row matches, else missing.
keep(matches, value) = matches ? value : NaN
