package main

// group is a package whose tests run with the race detector, all or some of them.
type group struct {
	pkg string
	// run selects tests, as in go test. The package's other tests run without the
	// race detector, in the main run; so do these. "" means that all tests run, and
	// only with the race detector.
	run string
}

// raced are the packages in which goroutines share memory. The race detector makes a
// test about five times as slow, and needs everything to be compiled again, so only
// these packages use it. The others have no goroutines of their own, share only a
// channel or a sync.Once, or are test machinery. Slow packages come first.
var raced = []group{
	// The keys that all requests share, uses that are saved late, the bus, connections
	// that break. The other tests are of the database's functions.
	{pkg: "internal/session/postgres", run: "TestAllPrograms|TestNoKey|TestPrograms|TestTheBus|TestTheChannel|TestUses|TestCloseWrites|TestTheKeeper|TestTheBound|TestAConnection|TestOperationsFail|TestWaiting|TestAHung|TestAnOperationUnderWay"},
	// Readers beside the writer, uses that are saved late. The other tests are of
	// files, of crashes, and of the rules that all stores keep.
	{pkg: "internal/session/sqlite", run: "TestManyCommits|TestReadsNever|TestWhileTheDisk|TestUses|TestTheKeeper|TestHistories|TestAnyFailure|TestOnAFullDisk|TestLookSees"},
	{pkg: "internal/desk"},         // queues, sheets and readings that several wait for
	{pkg: "internal/blob/s3"},      // transfers with deadlines, deletions in the background
	{pkg: "internal/ops/tracing"},  // spans that are exported while others begin
	{pkg: "internal/ops/transfer"}, // copies several contents at once
	{pkg: "internal/blob/files"},   // contents that are written, swept and read at once
	{pkg: "internal/blob/stores"},  // opens what is tested above, concurrently
	{pkg: "internal/httpapi/body"}, // a body that is read while it is stored
	// The store in memory. The other tests try broken stores, in processes of their own.
	{pkg: "internal/session/sessiontest", run: "TestTheSuitePasses|TestTheChecker"},
	// One document that several goroutines read.
	{pkg: "internal/intake/pdf/fast", run: "TestADocumentIsRead"},
	{pkg: "internal/bus"},  // publishers and subscribers
	{pkg: "internal/keys"}, // keys that are read again while requests look them up
	// Mails that are read at once, connections that are cut.
	{pkg: "internal/mailbox", run: "TestAServerThat|TestNewMails|TestMailsOf|TestAMailWithout"},
	{pkg: "internal/webhook"},    // deliveries beside each other
	{pkg: "internal/atomicfile"}, // writers of one name
	// The pool of processes. Its memory limit cannot be tested so, hence also without.
	{pkg: "internal/intake/worker", run: "."},
	// Most of its tests are of single requests. These are of requests at once, of event
	// streams, and of what goes on beside requests.
	{pkg: "internal/httpapi", run: "TestNothingWaits|TestAClientThatHangsUp|TestNoDownloadHolds|TestAReset|TestTheViewIs|TestEvents|TestAnEventStream|TestOneOwner|TestConnections|TestHealth|TestMeasuring|TestServersWith|TestALongAnswer|TestMetricsCount|TestAWorkflowIs"},
}

// long are the slow packages, which are started first.
var long = []string{
	"internal/testing/browsertest", "cmd/tallyman", "internal/httpapi", "internal/session/postgres", "internal/testing/cluster", "internal/intake",
	"internal/ops/doctor", "bench/hostile", "internal/testing/soak", "internal/session/sqlite", "internal/orders",
}

// slow are the packages that --quick skips, with the reasons.
var slow = map[string]string{
	"bench/hostile":                "it attacks a server for a minute",
	"cmd/tallyman":                 "it starts the program hundreds of times",
	"internal/blob/s3":             "it needs an S3 server",
	"internal/blob/stores":         "it needs an S3 server",
	"internal/httpapi":             "it takes a minute",
	"internal/intake":              "its documents take all memory",
	"internal/intake/worker":       "its documents take all memory",
	"internal/ops/doctor":          "it needs PostgreSQL",
	"internal/release":             "it builds the program",
	"internal/session/postgres":    "it needs PostgreSQL",
	"internal/session/sqlite":      "it kills processes for a minute",
	"internal/testing/browsertest": "it needs Chromium",
	"internal/testing/cluster":     "it needs PostgreSQL and an S3 server",
	"internal/testing/soak":        "it needs a private disk",
}
