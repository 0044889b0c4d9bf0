#!/bin/bash
# Makes the page of a bill with many producers of PDFs, for go run ./bench/judge:
#
#	bench/judge/producers.sh DIR
#	go run ./bench/judge --list DIR
#
# The page has white text on a dark bar, a table with lines, and totals. Producers that
# are not installed are left out, and named. The packages of Debian are chromium,
# ghostscript, groff, libreoffice-calc-nogui, libreoffice-writer-nogui, libpdf-api2-perl,
# mupdf-tools, php-cli, php-tcpdf, python3-cairo, python3-reportlab, qpdf, ruby, ruby-prawn,
# texlive-latex-base, weasyprint and wkhtmltopdf; those of npm are fetched.
set -uo pipefail

[ $# = 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
python=/usr/bin/python3 # Debian's, which has Debian's packages

# make NAME COMMAND...: the command writes NAME.pdf into the working directory.
make() {
	local name=$1
	shift
	if timeout 300 "$@" > "$name.log" 2>&1 && [ -s "$name.pdf" ]; then
		mv "$name.pdf" "$dir/$name.pdf"
		echo "made $name"
	else
		echo "missing: $name ($(tail -n 1 "$name.log" | cut -c1-100))"
	fi
}

# change NAME FROM COMMAND...: likewise, from a PDF that another producer has made.
change() {
	local name=$1 from=$2
	shift 2
	if [ -s "$dir/$from.pdf" ]; then make "$name" "$@"; else echo "missing: $name (no $from)"; fi
}

cat > bill.html <<'E'
<!doctype html><meta charset=utf-8><title>Bill</title>
<style>body{font:11pt sans-serif}table{border-collapse:collapse;width:100%}th{background:#123;color:#fff;text-align:left}td{border:1px solid #888;padding:2pt 4pt}.c{font-family:monospace}</style>
<h1>BILL OF LADING</h1><p>Number <b>K10001</b> of <i>07/10/2025</i>, ship to <span class=c>NORTH PIER STORES</span></p>
<table><tr><th>CARTONS<th>STYLE<th>PIECES<th>DESCRIPTION<th>VOLUME<th>WEIGHT
<tr><td>12<td>AB-1001<td>144<td>Café jacket, “navy”<td>30.50<td>240.0
<tr><td>1,003<td>AB-1002<td>12,036<td>Trousers – 100 % wool<td>2,507.50<td>20,060.0</table>
<p><b>1,015 TOTAL CARTONS</b> 12,180 TOTAL PIECES, 20,300.0 LB</p>
E
printf 'BILL OF LADING,K10001,,,,\nCARTONS,STYLE,PIECES,DESCRIPTION,VOLUME,WEIGHT\n12,AB-1001,144,Jacket,30.50,240.0\n"1,003",AB-1002,"12,036",Trousers,"2,507.50","20,060.0"\n' > bill.csv

# For the producers that draw: "x y size font text" of each text.
cat > texts <<'E'
50 740 18 bold BILL OF LADING
50 715 10 plain Number K10001 of 07/10/2025
56 684 9 white CARTONS   STYLE   PIECES   DESCRIPTION
56 664 9 plain 12
110 664 9 mono AB-1001
170 664 9 plain 144
220 664 9 plain Jacket, navy
56 648 9 plain 1,003
110 648 9 mono AB-1002
170 648 9 plain 12,036
220 648 9 plain Trousers - 100 % wool
50 620 10 bold 1,015 TOTAL CARTONS 12,180 TOTAL PIECES
E

make chromium chromium --headless --no-sandbox --disable-gpu --no-pdf-header-footer --print-to-pdf=chromium.pdf bill.html
libreoffice() { soffice --headless -env:UserInstallation=file://"$work"/office --convert-to pdf "$2" && mv bill.pdf "$1".pdf; }
export work
export -f libreoffice
make libreoffice-writer bash -c 'libreoffice libreoffice-writer bill.html'
make libreoffice-calc bash -c 'libreoffice libreoffice-calc bill.csv'
make wkhtmltopdf env QT_QPA_PLATFORM=offscreen wkhtmltopdf bill.html wkhtmltopdf.pdf
make weasyprint weasyprint bill.html weasyprint.pdf

cat > draw_cairo.py <<'E'
import cairo
s = cairo.PDFSurface('cairo.pdf', 612, 792)
c = cairo.Context(s)
c.set_source_rgb(.07, .13, .2); c.rectangle(50, 792-696, 500, 18); c.fill()
for line in open('texts'):
    x, y, size, font, text = line.rstrip('\n').split(' ', 4)
    c.set_source_rgb(*((1, 1, 1) if font == 'white' else (0, 0, 0)))
    c.select_font_face('monospace' if font == 'mono' else 'sans', 0, cairo.FONT_WEIGHT_BOLD if font == 'bold' else 0)
    c.set_font_size(float(size)); c.move_to(float(x), 792-float(y)); c.show_text(text)
s.finish()
E
make cairo "$python" draw_cairo.py

cat > draw_reportlab.py <<'E'
from reportlab.pdfgen.canvas import Canvas
c = Canvas('reportlab.pdf', pagesize=(612, 792))
c.setFillColorRGB(.07, .13, .2); c.rect(50, 678, 500, 18, stroke=0, fill=1)
for line in open('texts'):
    x, y, size, font, text = line.rstrip('\n').split(' ', 4)
    c.setFillGray(1 if font == 'white' else 0)
    c.setFont({'bold': 'Helvetica-Bold', 'mono': 'Courier'}.get(font, 'Helvetica'), float(size)); c.drawString(float(x), float(y), text)
c.save()
E
make reportlab "$python" draw_reportlab.py

{
	echo '%!PS'
	echo '.07 .13 .2 setrgbcolor 50 678 500 18 rectfill'
	while read -r x y size font text; do
		case $font in bold) f=Helvetica-Bold g=0 ;; mono) f=Courier g=0 ;; white) f=Helvetica g=1 ;; *) f=Helvetica g=0 ;; esac
		echo "$g setgray /$f $size selectfont $x $y moveto ($text) show"
	done < texts
	echo showpage
} > bill.ps
make ghostscript gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -sOutputFile=ghostscript.pdf bill.ps
change ghostscript-of-chromium chromium gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -sOutputFile=ghostscript-of-chromium.pdf "$dir/chromium.pdf"

cat > bill.tex <<'E'
\documentclass{article}\pagestyle{empty}\begin{document}
\section*{BILL OF LADING} Number \textbf{K10001} of \textit{07/10/2025}

\begin{tabular}{|r|l|r|l|r|r|}\hline CARTONS & STYLE & PIECES & DESCRIPTION & VOLUME & WEIGHT\\\hline
12 & \texttt{AB-1001} & 144 & Jacket & 30.50 & 240.0\\ 1,003 & \texttt{AB-1002} & 12,036 & Trousers, 100 \% wool & 2,507.50 & 20,060.0\\\hline\end{tabular}

1,015 TOTAL CARTONS\end{document}
E
make pdftex pdflatex -interaction=batchmode -jobname=pdftex bill.tex
make luatex lualatex -interaction=batchmode -jobname=luatex bill.tex
printf '.ps 18\nBILL OF LADING\n.ps 10\n.TS\nl l l.\nCARTONS\tSTYLE\tPIECES\n12\tAB-1001\t144\n1,003\tAB-1002\t12,036\n.TE\n' > bill.ms
make groff bash -c 'groff -t -ms -Tpdf bill.ms > groff.pdf'

cat > tcpdf.php <<'E'
<?php require '/usr/share/php/tcpdf/tcpdf.php';
$p = new TCPDF('P', 'pt', [612, 792]); $p->setPrintHeader(false); $p->setPrintFooter(false); $p->setAutoPageBreak(false); $p->AddPage();
$p->SetFillColor(18, 33, 51); $p->Rect(50, 96, 500, 18, 'F');
foreach (file('texts', FILE_IGNORE_NEW_LINES) as $line) { [$x, $y, $size, $font, $text] = explode(' ', $line, 5);
	$p->SetTextColor($font == 'white' ? 255 : 0); $p->SetFont($font == 'mono' ? 'courier' : 'helvetica', $font == 'bold' ? 'B' : '', $size); $p->Text($x, 792 - $y - $size, $text); }
$p->Output(getcwd() . '/tcpdf.pdf', 'F');
E
make tcpdf php tcpdf.php

cat > prawn.rb <<'E'
require 'prawn'
Prawn::Document.generate('prawn.pdf', page_size: [612, 792], margin: 0) do |p|
  p.fill_color '122133'; p.fill_rectangle [50, 696], 500, 18
  File.foreach('texts', chomp: true) { |line| x, y, size, font, text = line.split(' ', 5)
    p.fill_color(font == 'white' ? 'FFFFFF' : '000000'); p.font(font == 'mono' ? 'Courier' : 'Helvetica', style: font == 'bold' ? :bold : :normal)
    p.draw_text text, at: [x.to_f, y.to_f], size: size.to_f }
end
E
make prawn ruby prawn.rb

cat > api2.pl <<'E'
use PDF::API2; my $d = PDF::API2->new(); my $p = $d->page(); $p->mediabox(612, 792);
my $g = $p->gfx(); $g->fillcolor('#122133'); $g->rect(50, 678, 500, 18); $g->fill();
open my $f, '<', 'texts'; my $t = $p->text();
while (<$f>) { chomp; my ($x, $y, $size, $font, $text) = split / /, $_, 5;
	$t->fillcolor($font eq 'white' ? '#ffffff' : '#000000');
	$t->font($d->corefont($font eq 'mono' ? 'Courier' : $font eq 'bold' ? 'Helvetica-Bold' : 'Helvetica'), $size); $t->translate($x, $y); $t->text($text); }
$d->saveas('pdf-api2.pdf');
E
make pdf-api2 perl api2.pl

timeout 300 npm install --silent --no-audit --no-fund --ignore-scripts pdfkit@0.20.2 jspdf@4.2.1 pdf-lib@1.17.1 > npm.log 2>&1
cat > common.js <<'E'
const fs = require('fs')
module.exports = fs.readFileSync('texts', 'utf8').trim().split('\n').map(l => { const [x, y, size, font, ...text] = l.split(' '); return { x: +x, y: +y, size: +size, font, text: text.join(' ') } })
E
cat > pdfkit.js <<'E'
const fs = require('fs'), PDF = require('pdfkit'), d = new PDF({ size: [612, 792], margin: 0 })
d.pipe(fs.createWriteStream('pdfkit.pdf')); d.rect(50, 96, 500, 18).fill('#122133')
for (const t of require('./common.js')) d.font({ bold: 'Helvetica-Bold', mono: 'Courier' }[t.font] || 'Helvetica').fontSize(t.size).fillColor(t.font == 'white' ? 'white' : 'black').text(t.text, t.x, 792 - t.y - t.size, { lineBreak: false })
d.end()
E
make pdfkit node pdfkit.js
cat > jspdf.js <<'E'
const { jsPDF } = require('jspdf'), d = new jsPDF({ unit: 'pt', format: [612, 792] })
d.setFillColor(18, 33, 51); d.rect(50, 96, 500, 18, 'F')
for (const t of require('./common.js')) { d.setFont(t.font == 'mono' ? 'courier' : 'helvetica', t.font == 'bold' ? 'bold' : 'normal'); d.setFontSize(t.size); d.setTextColor(t.font == 'white' ? 255 : 0); d.text(t.text, t.x, 792 - t.y) }
require('fs').writeFileSync('jspdf.pdf', Buffer.from(d.output('arraybuffer')))
E
make jspdf node jspdf.js
cat > pdf-lib.js <<'E'
const { PDFDocument, StandardFonts, rgb } = require('pdf-lib')
;(async () => { const d = await PDFDocument.create(), p = d.addPage([612, 792]), f = {}
	for (const [k, v] of [['plain', 'Helvetica'], ['white', 'Helvetica'], ['bold', 'HelveticaBold'], ['mono', 'Courier']]) f[k] = await d.embedFont(StandardFonts[v])
	p.drawRectangle({ x: 50, y: 678, width: 500, height: 18, color: rgb(.07, .13, .2) })
	for (const t of require('./common.js')) p.drawText(t.text, { x: t.x, y: t.y, size: t.size, font: f[t.font], color: t.font == 'white' ? rgb(1, 1, 1) : rgb(0, 0, 0) })
	require('fs').writeFileSync('pdf-lib.pdf', await d.save()) })()
E
make pdf-lib node pdf-lib.js

change qpdf-object-streams chromium qpdf --object-streams=generate "$dir/chromium.pdf" qpdf-object-streams.pdf
change qpdf-linearized chromium qpdf --linearize "$dir/chromium.pdf" qpdf-linearized.pdf
change qpdf-plain libreoffice-writer qpdf --qdf "$dir/libreoffice-writer.pdf" qpdf-plain.pdf
change mutool chromium mutool clean "$dir/chromium.pdf" mutool.pdf
change poppler-cairo chromium pdftocairo -pdf "$dir/chromium.pdf" poppler-cairo.pdf
