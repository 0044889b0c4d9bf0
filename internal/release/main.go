// Release builds the files of a release: static binaries for six systems, each in an
// archive with its licences and the list of its components (an SBOM), packages for
// Linux, and the checksums of all. The script release at the top calls it.
//
// The same source, version and toolchain give the same bytes, in any folder and at
// any time: paths and times are left out, and the order of entries is fixed.
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"tallyman/internal/testing/load"
)

const about = `Builds a release: an archive for each system, with the binary, licences and SBOM, .deb
and .rpm packages for Linux, and SHA256SUMS.

Usage: ./release [VERSION] [OPTION …]

Without VERSION it is what "git describe" says. The source must be committed.

Options:
`

// targets are the systems with a release.
var targets = []target{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"},
}

type target struct{ os, arch string }

func (t target) String() string { return t.os + "/" + t.arch }

// exe is the name of the program.
func (t target) exe() string {
	if t.os == "windows" {
		return "tallyman.exe"
	}
	return "tallyman"
}

// release is one release being built.
type release struct {
	source   string // the source's folder
	out      string // the folder for the archives
	version  string
	revision string    // of the source
	time     time.Time // of the revision
	targets  []target
	env      []string // of the Go tool
	try      bool
}

// result is the result of one target.
type result struct {
	target
	binary, archive int64 // sizes in bytes
	tried           string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := load.Run(func() { run(ctx, os.Args[1:]) }); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) {
	r := release{source: ".", targets: targets}
	var dirty, check bool
	var only []string
	var at int64
	flags := pflag.NewFlagSet("release", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.Usage = func() { fmt.Print(about, flags.FlagUsages()) }
	flags.StringVarP(&r.out, "output", "o", "dist", "write into `DIR`")
	flags.StringSliceVar(&only, "target", nil, "build for this `OS/ARCH` only; may be given several times")
	flags.BoolVar(&r.try, "try", true, "run what can be run here")
	flags.BoolVar(&check, "check", false, "build all a second time, in another folder and without anything kept from the first, and compare")
	flags.BoolVar(&dirty, "dirty", false, "build source that is not committed; the version says so")
	flags.StringVar(&r.revision, "revision", "", "without git: the `COMMIT` that the source is of")
	flags.Int64Var(&at, "time", 0, "without git: when it was made, in `SECONDS` since 1970")
	err := flags.Parse(args)
	if errors.Is(err, pflag.ErrHelp) {
		return
	}
	load.Check(err)
	if flags.NArg() > 1 {
		load.Fail("give one version at most")
	}
	r.version, r.time = flags.Arg(0), time.Unix(at, 0).UTC()
	if len(only) > 0 {
		r.targets = slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return !slices.Contains(only, t.String()) })
		if len(r.targets) != len(only) {
			load.Fail("there are releases for %v", targets)
		}
	}
	if r.revision == "" {
		r.fromGit(dirty)
	}
	if !regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_-]*$`).MatchString(r.version) {
		load.Fail("%q cannot be a version", r.version)
	}
	toolchain := r.toolchain()
	// Building takes minutes, in which the source may be edited.
	snapshot := load.Must(os.MkdirTemp("", "tallyman-release-*"))
	defer os.RemoveAll(snapshot)
	copySource(r.source, filepath.Join(snapshot, "source"))
	r.source = filepath.Join(snapshot, "source")
	fmt.Printf("tallyman %s of %s (%s), %s\n\n", r.version, r.revision, r.time.Format(time.RFC3339), toolchain)
	table(r.build(ctx))
	if check {
		r.again(ctx)
	}
}

func table(results []result) {
	fmt.Printf("%-14s  %9s  %9s  %s\n", "target", "binary", "archive", "tried")
	for _, res := range results {
		fmt.Printf("%-14s  %6.1f MB  %6.1f MB  %s\n", res.target, float64(res.binary)/1e6, float64(res.archive)/1e6, res.tried)
	}
}

// fromGit reads the revision from git.
func (r *release) fromGit(dirty bool) {
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", r.source}, args...)...).Output()
		if err != nil {
			load.Fail("git %s: %w; without git give --revision and --time", args[0], err)
		}
		return strings.TrimSpace(string(out))
	}
	changed := git("status", "--porcelain")
	if changed != "" && !dirty {
		load.Fail("there is what is not committed; commit it, or say --dirty:\n%s", changed)
	}
	r.revision = git("rev-parse", "HEAD")
	r.time = time.Unix(load.Must(strconv.ParseInt(git("log", "-1", "--format=%ct"), 10, 64)), 0).UTC()
	if r.version == "" {
		r.version = git("describe", "--tags", "--always")
	}
	if changed != "" {
		r.version += "-dirty"
		r.revision += "-dirty"
	}
}

// toolchain makes sure that the Go tool is the one that go.mod names, and that the
// environment does not change its output.
func (r *release) toolchain() string {
	mod := load.Must(os.ReadFile(filepath.Join(r.source, "go.mod")))
	m := regexp.MustCompile(`(?m)^toolchain (\S+)$`).FindSubmatch(mod)
	if m == nil {
		load.Fail("go.mod names no toolchain")
	}
	want := string(m[1])
	r.env = append(os.Environ(), "GOTOOLCHAIN="+want, "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off", "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off")
	if got := strings.TrimSpace(string(r.goTool(context.Background(), "env", "GOVERSION"))); got != want {
		load.Fail("the Go tool is %s, not %s", got, want)
	}
	return want
}

// goTool runs the Go tool in the source.
func (r *release) goTool(ctx context.Context, args ...string) []byte {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env, cmd.Stderr = r.source, r.env, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		load.Fail("go %s: %w", args[0], err)
	}
	return out
}

// sumLine matches a line of a release's checksums.
var sumLine = regexp.MustCompile(`^[0-9a-f]{64}  tallyman_\S+$`)

// clearOut removes an earlier release. It removes no folder with other files.
func clearOut(dir string) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	load.Check(err)
	if len(entries) == 0 {
		return
	}
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if !errors.Is(err, fs.ErrNotExist) {
		load.Check(err)
	}
	known := []string{"SHA256SUMS"}
	for line := range strings.Lines(string(sums)) {
		if line = strings.TrimSpace(line); sumLine.MatchString(line) {
			known = append(known, strings.Fields(line)[1])
		}
	}
	for _, e := range entries {
		if len(known) == 1 || e.IsDir() || !slices.Contains(known, e.Name()) {
			load.Fail("%s holds %s, which is not of an earlier release by its SHA256SUMS, and would be removed; name an empty or a new folder with -o, or remove it yourself", dir, e.Name())
		}
	}
	load.Check(os.RemoveAll(dir))
}

// build builds all archives and their checksums.
func (r *release) build(ctx context.Context) (results []result) {
	work := load.Must(os.MkdirTemp("", "tallyman-release-*"))
	defer os.RemoveAll(work)
	clearOut(r.out)
	load.Check(os.MkdirAll(r.out, 0o755))
	whole := false
	defer func() {
		if !whole {
			os.RemoveAll(r.out) // a partial release would block the next one
		}
	}()
	sbom := r.install(ctx, work, sbomModule, sbomVersion)
	nfpm := r.install(ctx, work, packageModule, packageVersion)
	for _, t := range r.targets {
		if err := load.Run(func() { results = append(results, r.one(ctx, work, sbom, nfpm, t)) }); err != nil {
			load.Fail("%s: %w", t, err)
		}
	}
	r.sums()
	whole = true
	return results
}

// one builds one target.
func (r *release) one(ctx context.Context, work, sbom, nfpm string, t target) result {
	dir := filepath.Join(work, t.os+"_"+t.arch)
	load.Check(os.Mkdir(dir, 0o755))
	binary := filepath.Join(dir, t.exe())
	r.compile(ctx, t, binary)
	name := fmt.Sprintf("tallyman_%s_%s_%s", r.version, t.os, t.arch)
	bom, licences := r.sbom(ctx, sbom, binary), r.licences(ctx, binary)
	files := []entry{{name: t.exe(), path: binary, program: true}, {name: "THIRD-PARTY-LICENCES.txt", data: licences}, {name: "tallyman.cdx.json", data: bom}}
	for _, f := range []string{"LICENSE", "README.md"} {
		files = append(files, entry{name: f, path: filepath.Join(r.source, f)})
	}
	archive := pack(filepath.Join(r.out, name), t.os == "windows", name, r.time, files)
	load.Check(os.WriteFile(filepath.Join(r.out, name+".cdx.json"), bom, 0o644))
	if t.os == "linux" {
		r.packages(ctx, nfpm, dir, t, binary, licences)
	}
	res := result{target: t, binary: load.Must(os.Stat(binary)).Size(), archive: load.Must(os.Stat(archive)).Size(), tried: "no"}
	if r.try {
		res.tried = tryOut(ctx, t, binary, dir)
	}
	return res
}

// compile builds the program for a target.
func (r *release) compile(ctx context.Context, t target, binary string) {
	on := *r
	on.env = append(slices.Clip(r.env), "GOOS="+t.os, "GOARCH="+t.arch)
	on.goTool(ctx, "build", "-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags=-s -w -buildid= -X main.version="+r.version+" -X main.revision="+r.revision, "-o", load.Must(filepath.Abs(binary)), "./cmd/tallyman")
}

// sums writes the checksums of all files.
func (r *release) sums() {
	var b strings.Builder
	for _, e := range load.Must(os.ReadDir(r.out)) {
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(load.Must(os.ReadFile(filepath.Join(r.out, e.Name())))), e.Name())
	}
	load.Check(os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(b.String()), 0o644))
}

// again builds the release a second time, from a copy of the source in another folder
// and with an empty cache, and compares the checksums.
func (r *release) again(ctx context.Context) {
	work := load.Must(os.MkdirTemp("", "tallyman-again-*"))
	defer os.RemoveAll(work)
	second := *r
	second.source = filepath.Join(work, "some", "other", "place")
	second.out = filepath.Join(work, "dist")
	second.try = false
	second.env = append(slices.Clip(r.env), "GOCACHE="+filepath.Join(work, "cache"))
	copySource(r.source, second.source)
	fmt.Println("\nbuilding all a second time")
	second.build(ctx)
	one := load.Must(os.ReadFile(filepath.Join(r.out, "SHA256SUMS")))
	two := load.Must(os.ReadFile(filepath.Join(second.out, "SHA256SUMS")))
	if string(one) != string(two) {
		load.Fail("the second build differs:\n%s\n%s", one, two)
	}
	fmt.Printf("the second build is the same, byte for byte: %d files\n", strings.Count(string(one), "\n"))
}

// sourceFiles returns the files that git knows, or without git all regular ones
// except those of earlier releases.
func sourceFiles(root string) (names []string) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		out, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
		if err != nil {
			load.Fail("git ls-files: %w", err)
		}
		return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	}
	load.Check(fs.WalkDir(os.DirFS(root), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == "dist" && e.IsDir():
			return fs.SkipDir
		case e.Type().IsRegular():
			names = append(names, name)
		}
		return nil
	}))
	return names
}

// copySource copies the present source.
func copySource(from, to string) {
	for _, name := range sourceFiles(from) {
		b, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, but the removal is not committed
		}
		load.Check(err)
		path := filepath.Join(to, name)
		load.Check(os.MkdirAll(filepath.Dir(path), 0o755))
		load.Check(os.WriteFile(path, b, 0o644))
	}
}

// native reports whether this machine runs a target's programs.
func (t target) native() bool { return t.os == runtime.GOOS && t.arch == runtime.GOARCH }
