// Release builds the files of a release: static binaries for six systems, each in an
// archive with its licences and the list of its components (an SBOM), packages for
// Linux, and the checksums of all. The script release at the top calls it.
//
// The same source, version and toolchain give the same bytes, in any folder and at
// any time: paths and times are left out, and the order of entries is fixed.
package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
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
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		return nil
	case err != nil:
		return err
	case flags.NArg() > 1:
		return errors.New("give one version at most")
	}
	r.version, r.time = flags.Arg(0), time.Unix(at, 0).UTC()
	if len(only) > 0 {
		r.targets = slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return !slices.Contains(only, t.String()) })
		if len(r.targets) != len(only) {
			return fmt.Errorf("there are releases for %v", targets)
		}
	}
	if r.revision == "" {
		if err := r.fromGit(dirty); err != nil {
			return err
		}
	}
	if !regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_-]*$`).MatchString(r.version) {
		return fmt.Errorf("%q cannot be a version", r.version)
	}
	toolchain, err := r.toolchain()
	if err != nil {
		return err
	}
	// Building takes minutes, in which the source may be edited.
	snapshot, err := os.MkdirTemp("", "tallyman-release-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(snapshot)
	if err := copySource(r.source, filepath.Join(snapshot, "source")); err != nil {
		return err
	}
	r.source = filepath.Join(snapshot, "source")
	fmt.Printf("tallyman %s of %s (%s), %s\n\n", r.version, r.revision, r.time.Format(time.RFC3339), toolchain)
	results, err := r.build(ctx)
	if err != nil {
		return err
	}
	table(results)
	if check {
		return r.again(ctx)
	}
	return nil
}

func table(results []result) {
	fmt.Printf("%-14s  %9s  %9s  %s\n", "target", "binary", "archive", "tried")
	for _, res := range results {
		fmt.Printf("%-14s  %6.1f MB  %6.1f MB  %s\n", res.target, float64(res.binary)/1e6, float64(res.archive)/1e6, res.tried)
	}
}

// fromGit reads the revision from git.
func (r *release) fromGit(dirty bool) error {
	git := func(args ...string) (string, error) {
		out, err := exec.Command("git", append([]string{"-C", r.source}, args...)...).Output()
		if err != nil {
			return "", fmt.Errorf("git %s: %w; without git give --revision and --time", args[0], err)
		}
		return strings.TrimSpace(string(out)), nil
	}
	changed, err := git("status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" && !dirty {
		return fmt.Errorf("there is what is not committed; commit it, or say --dirty:\n%s", changed)
	}
	if r.revision, err = git("rev-parse", "HEAD"); err != nil {
		return err
	}
	seconds, err := git("log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return err
	}
	r.time = time.Unix(n, 0).UTC()
	if r.version == "" {
		if r.version, err = git("describe", "--tags", "--always"); err != nil {
			return err
		}
	}
	if changed != "" {
		r.version += "-dirty"
		r.revision += "-dirty"
	}
	return nil
}

// toolchain makes sure that the Go tool is the one that go.mod names, and that the
// environment does not change its output.
func (r *release) toolchain() (string, error) {
	mod, err := os.ReadFile(filepath.Join(r.source, "go.mod"))
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^toolchain (\S+)$`).FindSubmatch(mod)
	if m == nil {
		return "", errors.New("go.mod names no toolchain")
	}
	want := string(m[1])
	r.env = append(os.Environ(), "GOTOOLCHAIN="+want, "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off", "CGO_ENABLED=0", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off")
	out, err := r.goTool(context.Background(), "env", "GOVERSION")
	if err != nil {
		return "", err
	}
	if got := strings.TrimSpace(string(out)); got != want {
		return "", fmt.Errorf("the Go tool is %s, not %s", got, want)
	}
	return want, nil
}

// goTool runs the Go tool in the source.
func (r *release) goTool(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env, cmd.Stderr = r.source, r.env, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w", args[0], err)
	}
	return out, nil
}

// sumLine matches a line of a release's checksums.
var sumLine = regexp.MustCompile(`^[0-9a-f]{64}  tallyman_\S+$`)

// clearOut removes an earlier release. It removes no folder with other files.
func clearOut(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return nil
	}
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	known := []string{"SHA256SUMS"}
	for line := range strings.Lines(string(sums)) {
		if line = strings.TrimSpace(line); sumLine.MatchString(line) {
			known = append(known, strings.Fields(line)[1])
		}
	}
	for _, e := range entries {
		if len(known) == 1 || e.IsDir() || !slices.Contains(known, e.Name()) {
			return fmt.Errorf("%s holds %s, which is not of an earlier release by its SHA256SUMS, and would be removed; name an empty or a new folder with -o, or remove it yourself", dir, e.Name())
		}
	}
	return os.RemoveAll(dir)
}

// build builds all archives and their checksums.
func (r *release) build(ctx context.Context) (results []result, err error) {
	work, err := os.MkdirTemp("", "tallyman-release-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	if err := clearOut(r.out); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(r.out) // a partial release would block the next one
		}
	}()
	sbom, err := r.install(ctx, work, sbomModule, sbomVersion)
	if err != nil {
		return nil, err
	}
	nfpm, err := r.install(ctx, work, packageModule, packageVersion)
	if err != nil {
		return nil, err
	}
	for _, t := range r.targets {
		res, err := r.one(ctx, work, sbom, nfpm, t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t, err)
		}
		results = append(results, res)
	}
	return results, r.sums()
}

// one builds one target.
func (r *release) one(ctx context.Context, work, sbom, nfpm string, t target) (res result, err error) {
	res.target = t
	dir := filepath.Join(work, t.os+"_"+t.arch)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return res, err
	}
	binary := filepath.Join(dir, t.exe())
	if err := r.compile(ctx, t, binary); err != nil {
		return res, err
	}
	name := fmt.Sprintf("tallyman_%s_%s_%s", r.version, t.os, t.arch)
	bom, err := r.sbom(ctx, sbom, binary)
	if err != nil {
		return res, err
	}
	licences, err := r.licences(ctx, binary)
	if err != nil {
		return res, err
	}
	files := []entry{{name: t.exe(), path: binary, program: true}, {name: "THIRD-PARTY-LICENCES.txt", data: licences}, {name: "tallyman.cdx.json", data: bom}}
	for _, f := range []string{"LICENSE", "README.md"} {
		files = append(files, entry{name: f, path: filepath.Join(r.source, f)})
	}
	archive, err := pack(filepath.Join(r.out, name), t.os == "windows", name, r.time, files)
	if err != nil {
		return res, err
	}
	if err := os.WriteFile(filepath.Join(r.out, name+".cdx.json"), bom, 0o644); err != nil {
		return res, err
	}
	if t.os == "linux" {
		if err := r.packages(ctx, nfpm, dir, t, binary, licences); err != nil {
			return res, err
		}
	}
	for path, n := range map[string]*int64{binary: &res.binary, archive: &res.archive} {
		info, err := os.Stat(path)
		if err != nil {
			return res, err
		}
		*n = info.Size()
	}
	res.tried = "no"
	if r.try {
		if res.tried, err = tryOut(ctx, t, binary, dir); err != nil {
			return res, err
		}
	}
	return res, nil
}

// compile builds the program for a target.
func (r *release) compile(ctx context.Context, t target, binary string) error {
	path, err := filepath.Abs(binary)
	if err != nil {
		return err
	}
	on := *r
	on.env = append(slices.Clip(r.env), "GOOS="+t.os, "GOARCH="+t.arch)
	_, err = on.goTool(ctx, "build", "-trimpath", "-buildvcs=false", "-mod=readonly",
		"-ldflags=-s -w -buildid= -X main.version="+r.version+" -X main.revision="+r.revision, "-o", path, "./cmd/tallyman")
	return err
}

// sums writes the checksums of all files.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, e := range entries {
		f, err := os.Open(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s  %s\n", hex.EncodeToString(h.Sum(nil)), e.Name())
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(b.String()), 0o644)
}

// again builds the release a second time, from a copy of the source in another folder
// and with an empty cache, and compares the checksums.
func (r *release) again(ctx context.Context) error {
	work, err := os.MkdirTemp("", "tallyman-again-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	second := *r
	second.source = filepath.Join(work, "some", "other", "place")
	second.out = filepath.Join(work, "dist")
	second.try = false
	second.env = append(slices.Clip(r.env), "GOCACHE="+filepath.Join(work, "cache"))
	if err := copySource(r.source, second.source); err != nil {
		return err
	}
	fmt.Println("\nbuilding all a second time")
	if _, err := second.build(ctx); err != nil {
		return err
	}
	one, err1 := os.ReadFile(filepath.Join(r.out, "SHA256SUMS"))
	two, err2 := os.ReadFile(filepath.Join(second.out, "SHA256SUMS"))
	if err := cmp.Or(err1, err2); err != nil {
		return err
	}
	if string(one) != string(two) {
		return fmt.Errorf("the second build differs:\n%s\n%s", one, two)
	}
	fmt.Printf("the second build is the same, byte for byte: %d files\n", strings.Count(string(one), "\n"))
	return nil
}

// sourceFiles returns the files that git knows, or without git all regular ones
// except those of earlier releases.
func sourceFiles(root string) (names []string, err error) {
	if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
		out, err := exec.Command("git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
		if err != nil {
			return nil, fmt.Errorf("git ls-files: %w", err)
		}
		return strings.Split(strings.TrimRight(string(out), "\x00"), "\x00"), nil
	}
	err = fs.WalkDir(os.DirFS(root), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == "dist" && e.IsDir():
			return fs.SkipDir
		case e.Type().IsRegular():
			names = append(names, name)
		}
		return nil
	})
	return names, err
}

// copySource copies the present source.
func copySource(from, to string) error {
	names, err := sourceFiles(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed, but the removal is not committed
		}
		if err != nil {
			return err
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// native reports whether this machine runs a target's programs.
func (t target) native() bool { return t.os == runtime.GOOS && t.arch == runtime.GOARCH }
