# Shunt: one non-recursive Makefile for the whole tree.  `make help` lists the
# targets.  MODE=debug, SAN=address,undefined and SAN=thread choose another
# build folder.  V=1 shows the commands.

.DEFAULT_GOAL := all
MODE     ?= release
SAN      ?=
PREFIX   ?= /usr/local
DESTDIR  ?=
VERSION  := 0.1.0
comma    := ,
Q        := $(if $(V),,@)
say       = @printf '  %-5s %s\n' $(1) $(2)
B        := build/$(MODE)$(if $(SAN),-$(subst $(comma),+,$(SAN)))
PKGS     := rdkafka libevent libevent_pthreads libcurl jansson lmdb libpcre2-8 libxxhash libcrypto

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wmissing-declarations -Wold-style-definition \
	-Wpointer-arith -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wformat=2 \
	-Wconversion -Wsign-conversion -Wimplicit-fallthrough \
	-Wnull-dereference -Wdouble-promotion -Wswitch-enum -Wredundant-decls
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2
OPT_debug   := -O1 -g3
OPT_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
WERROR      := $(if $(CI),-Werror)
ifeq ($(MODE),fuzz) # clang takes other offences: gcc's build is the strict one
WARN := -Wall -Wextra
endif
pc_cflags    = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(1) 2>/dev/null))
# http_parser and zookeeper_mt come without a .pc file.
no_pc       := http_parser zookeeper_mt
pc_libs      = $(shell pkg-config --libs $(filter-out $(no_pc),$(1)) 2>/dev/null) \
	$(patsubst %,-l%,$(filter $(no_pc),$(1)))
PC_CFLAGS   := $(call pc_cflags,$(PKGS))
ALL_CFLAGS   = -std=c11 -D_GNU_SOURCE -DSHUNT_VERSION='"$(VERSION)"' \
	$(WARN) $(WERROR) $(OPT_$(MODE)) -fvisibility=hidden -fPIC \
	-fno-omit-frame-pointer -fstack-protector-strong \
	$(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all) \
	-I. -Isdk/include $(PC_CFLAGS) -MMD -MP $(CFLAGS)
ALL_LDFLAGS  = $(if $(SAN),-fsanitize=$(SAN)) $(LDFLAGS)

src = $(sort $(wildcard $(1)/*.c $(1)/*/*.c))
obj = $(patsubst %.c,$(B)/%.o,$(call src,$(1)))

# ---- libraries of the tree -------------------------------------------------
# Every folder is an archive, so that a program gets just what it uses.
FOLDERS := common/base common/mm2 common/proto common/net common/kafka \
	route-service offset-mapper sdk/src replicator ctl tests/support
lib      = $(B)/lib/$(subst /,-,$(1)).a
PARTS   := route-service offset-mapper replicator ctl

define archive_rule
$(call lib,$(1)): $(filter-out %/main.o,$(call obj,$(1)))
	@mkdir -p $$(@D)
	@rm -f $$@
	$(call say,AR,$$@)
	$(Q)$(AR) rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call archive_rule,$(f))))

BASE  := $(call lib,common/base)
MM2   := $(call lib,common/mm2)
PROTO := $(call lib,common/proto)
NET   := $(call lib,common/net)
KLIB  := $(call lib,common/kafka)

# What each part may see, in link order (DESIGN section 1; tests/lint/layers).
deps_route-service := $(NET) $(PROTO) $(MM2) $(BASE)
libs_route-service := libevent libevent_pthreads http_parser zookeeper_mt libcurl jansson lmdb libxxhash
deps_offset-mapper := $(NET) $(KLIB) $(PROTO) $(MM2) $(BASE)
libs_offset-mapper := rdkafka libcurl libevent libevent_pthreads http_parser jansson lmdb libxxhash
deps_replicator    := $(NET) $(KLIB) $(MM2) $(BASE)
libs_replicator    := rdkafka libevent libevent_pthreads http_parser jansson libpcre2-8 libcrypto
# Records are allocated by one thread and freed by another, at which glibc is slow.
alloc_replicator   := $(if $(SAN),,-lmimalloc)
deps_ctl           := $(NET) $(PROTO) $(BASE)
libs_ctl           := libcurl jansson
deps_sdk           := $(NET) $(KLIB) $(PROTO) $(BASE)
libs_sdk           := rdkafka libcurl jansson

BIN_route-service := $(B)/bin/shunt-route
BIN_offset-mapper := $(B)/bin/shunt-offset
BIN_replicator    := $(B)/bin/shunt-replicator
BIN_ctl           := $(B)/bin/shuntctl
BINS              := $(foreach p,$(PARTS),$(BIN_$(p)))
SDK               := $(B)/lib/libshunt.so $(B)/lib/libshunt.a

BENCH_TOOLS := $(patsubst %,$(B)/bin/%,watchers bare_push bare_store bench_resolve bench_mapper sync_log askers bench_sdk bench_bare bench_replicator)

all: $(BINS) $(SDK) $(B)/bin/shunt-sandbox $(B)/bin/ledger \
	$(B)/bin/ktool $(B)/bin/mm2_vectors $(B)/bin/mm2_again $(B)/bin/sdk-options $(B)/lib/shift_clock.so $(BENCH_TOOLS) examples

define program_rule
$(BIN_$(1)): $(B)/$(1)/main.o $(call lib,$(1)) $(deps_$(1))
	@mkdir -p $$(@D)
	$(call say,LD,$$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $$@ $$^ $$(call pc_libs,$$(libs_$(1))) $(alloc_$(1)) -pthread -lm
endef
$(foreach p,$(PARTS),$(eval $(call program_rule,$(p))))

# ---- SDK -------------------------------------------------------------------
$(B)/lib/libshunt.so: $(call obj,sdk/src) $(deps_sdk) sdk/shunt.map
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -shared -Wl,-soname,libshunt.so.0 \
		$(if $(SAN),,-Wl$(comma)--no-undefined) \
		-Wl,--version-script=sdk/shunt.map -o $@ \
		$(call obj,sdk/src) $(deps_sdk) $(call pc_libs,$(libs_sdk)) -pthread -lm
	@ln -sf libshunt.so $(@D)/libshunt.so.0
# One relocatable object with the internals localised: an application that
# links libshunt.a sees no symbol that does not start with shunt_.
$(B)/lib/libshunt.a: $(call obj,sdk/src) $(deps_sdk)
	@mkdir -p $(@D)
	$(Q)$(LD) -r -o $(B)/lib/shunt.o $(call obj,sdk/src) $(deps_sdk)
	$(Q)objcopy --localize-hidden $(B)/lib/shunt.o
	@rm -f $@
	$(call say,AR,$@)
	$(Q)$(AR) rcs $@ $(B)/lib/shunt.o

# The same for tests/unit/sdk-hard: its allocations are those of
# tests/support/torture.c, which can be made to fail.
TORTURED := malloc calloc realloc reallocarray strdup strndup __asprintf_chk=torture_asprintf_chk
$(B)/lib/shunt-torture.o: $(B)/lib/libshunt.a
	$(Q)objcopy $(foreach t,$(TORTURED),--redefine-sym $(if $(findstring =,$(t)),$(t),$(t)=torture_$(t))) \
		$(B)/lib/shunt.o $@

$(B)/bin/sdk-options: $(B)/sdk/tools/sdk-options.o $(call lib,sdk/src) $(deps_sdk)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pc_libs,$(libs_sdk)) -pthread -lm

# ---- sandbox, tools, examples ----------------------------------------------
$(B)/bin/shunt-sandbox: $(call obj,tests/sandbox) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pc_libs,rdkafka jansson) -pthread
$(B)/bin/ktool: $(call obj,tests/tools/ktool) $(PROTO) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pc_libs,rdkafka jansson) -pthread
$(B)/bin/ledger: $(call obj,tests/tools/ledger) $(B)/lib/libshunt.a $(BASE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call obj,tests/tools/ledger) \
		$(B)/lib/libshunt.a $(BASE) $(call pc_libs,$(libs_sdk)) -pthread -lm
$(B)/bin/mm2_vectors: $(call obj,tests/tools/mm2_vectors) $(call lib,tests/support) $(MM2) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pc_libs,jansson) -pthread
$(B)/bin/mm2_again: $(call obj,tests/tools/mm2_again) $(call lib,replicator) $(MM2) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pc_libs,rdkafka jansson) -pthread
# What `make bench-NAME` measures with and against.
define bench_tool_rule
$(B)/bin/$(1): $(call obj,tests/tools/$(1)) $(call obj,tests/tools/wire) $(BASE)
	@mkdir -p $$(@D)
	$(call say,LD,$$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $$@ $$^ $$(call pc_libs,jansson $(2)) -pthread
endef
$(eval $(call bench_tool_rule,watchers))
$(eval $(call bench_tool_rule,bare_push))
$(eval $(call bench_tool_rule,askers))
$(eval $(call bench_tool_rule,bare_store,lmdb zookeeper_mt))
$(eval $(call bench_tool_rule,bench_replicator,rdkafka))
$(B)/bin/sync_log: $(call obj,tests/tools/sync_log) $(call obj,tests/tools/wire) $(MM2) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pc_libs,rdkafka jansson) -pthread
$(B)/bin/bench_resolve: $(call obj,tests/tools/bench_resolve) $(call lib,route-service) $(deps_route-service)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pc_libs,$(libs_route-service)) -pthread -lm
$(B)/bin/bench_mapper: $(call obj,tests/tools/bench_mapper) $(call lib,offset-mapper) $(deps_offset-mapper)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pc_libs,$(libs_offset-mapper)) -pthread -lm

# One source over libshunt and over librdkafka.
$(B)/bin/bench_sdk: $(call obj,tests/tools/bench_sdk) $(B)/lib/libshunt.a $(BASE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(call obj,tests/tools/bench_sdk) \
		$(B)/lib/libshunt.a $(BASE) $(call pc_libs,$(libs_sdk)) -pthread -lm
$(B)/bare/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -DBARE -c -o $@ $<
$(B)/bin/bench_bare: $(patsubst $(B)/%,$(B)/bare/%,$(call obj,tests/tools/bench_sdk)) $(BASE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pc_libs,rdkafka jansson) -pthread

# Preloaded by tests of clock jumps; without sanitizers, which want to be first.
$(B)/lib/shift_clock.so: tests/tools/shift_clock/shift_clock.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(filter-out -fsanitize% -fno-sanitize%,$(ALL_CFLAGS)) -U_FORTIFY_SOURCE -MF $(@:.so=.d) -shared -o $@ $<

EXAMPLES := $(patsubst examples/%.c,$(B)/examples/%,$(wildcard examples/*.c examples/*/*.c))
examples: $(EXAMPLES)
$(B)/examples/%: $(B)/examples/%.o $(B)/lib/libshunt.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(call pc_libs,$(libs_sdk) $(more_of_$(notdir $@))) -pthread -lm
more_of_event_loop := libevent

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# ---- tests -----------------------------------------------------------------
# tests/unit/FOLDER/t_NAME.c is one Check program, linked with that folder's
# archive and what it may see.
# librdkafka starts C11 threads, which ThreadSanitizer does not know: see
# tests/support/tsan_threads.c.
TSAN_THREADS := $(if $(filter thread,$(SAN)),-Wl$(comma)-u$(comma)thrd_create)
UNIT := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*/t_*.c))
unit_deps = $(if $(filter common-%,$(1)),$(call lib,$(subst common-,common/,$(1))) $(NET) $(KLIB) $(PROTO) $(MM2) $(BASE),\
	$(if $(filter sdk,$(1)),$(call lib,sdk/src) $(deps_sdk),\
	$(if $(filter sdk-hard,$(1)),$(B)/lib/shunt-torture.o $(call lib,tests/support) $(NET) $(KLIB) $(PROTO) $(BASE),\
	$(if $(filter ledger,$(1)),$(filter-out %/main.o,$(call obj,tests/tools/ledger)) $(B)/lib/libshunt.a $(BASE),\
	$(call lib,$(1)) $(deps_$(1))))))
define unit_rule
$(B)/unit/$(1): $(B)/tests/unit/$(1).o $(call lib,tests/support) $(MM2) $(call unit_deps,$(firstword $(subst /, ,$(1))))
	@mkdir -p $$(@D)
	$(call say,LD,$$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(TSAN_THREADS) -o $$@ $(B)/tests/unit/$(1).o \
		$(call unit_deps,$(firstword $(subst /, ,$(1)))) $(call lib,tests/support) $(MM2) $(BASE) \
		$$(call pc_libs,$(PKGS) $(no_pc) check) -pthread -lm
endef
$(foreach u,$(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*/t_*.c)),$(eval $(call unit_rule,$(u))))

# tests/sdk/t_NAME.c is one Check program for real brokers, run by
# tests/sdk/test_sdk_real.py.
SDK_REAL := $(patsubst tests/sdk/%.c,$(B)/sdk-real/%,$(wildcard tests/sdk/t_*.c))
$(B)/sdk-real/%: $(B)/tests/sdk/%.o $(B)/tests/sdk/real.o $(B)/lib/libshunt.a
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) $(TSAN_THREADS) -o $@ $(filter %.o,$^) $(B)/lib/libshunt.a \
		$(if $(TSAN_THREADS),$(call lib,tests/support)) $(call pc_libs,$(libs_sdk) check) -pthread -lm
sdk-real: $(SDK_REAL)

# ---- fuzz targets ------------------------------------------------------------
# tests/fuzz/fuzz_NAME.c is one libFuzzer program; built with clang in build/fuzz
# by `make fuzz`, which starts make again with MODE=fuzz.
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_OBJS := $(patsubst tests/fuzz/%.c,$(B)/tests/fuzz/%.o,$(filter-out tests/fuzz/fuzz_%,$(wildcard tests/fuzz/*.c)))
# Of which part a target is: the two have functions of the same name.
fuzz_part = $(if $(filter mapper store% record runs,$(1)),offset-mapper,$(if $(filter properties,$(1)),replicator,route-service))
more_of_fuzz_runs := tests/tools/mm2_vectors/oracle.o
define fuzz_rule
$(B)/fuzz/fuzz_$(1): $(B)/tests/fuzz/fuzz_$(1).o $(FUZZ_OBJS) $(addprefix $(B)/,$(more_of_fuzz_$(1))) \
		$(call lib,tests/support) $(call lib,$(2)) $(deps_$(2))
	@mkdir -p $$(@D)
	$(call say,LD,$$@)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined -o $$@ $$^ $$(call pc_libs,$(libs_$(2))) -pthread -lm
endef
$(foreach f,$(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)),$(eval $(call fuzz_rule,$(f),$(call fuzz_part,$(f)))))
fuzzers: $(FUZZERS)

# ---- what people type --------------------------------------------------------
# demo and check install what is missing first; then make starts again, so that
# pkg-config is asked after the packages are there.
SUITES ?= unit,programs,route,mapper,sandbox,real

unit: $(UNIT)
unit-threads: $(filter $(B)/unit/sdk/% $(B)/unit/sdk-hard/% $(B)/unit/replicator/%,$(UNIT))

deps:
	@scripts/deps.sh check
deps-demo:
	@scripts/deps.sh $(if $(filter real,$(KAFKA)),check,build)

demo: deps-demo
	@$(MAKE) --no-print-directory run-demo
run-demo: all
	@python3 tests/demo/demo.py --clusters $(if $(KAFKA),$(KAFKA),embedded)

check: deps
	@$(MAKE) --no-print-directory run-check
run-check: all $(if $(findstring unit,$(SUITES)),unit) $(if $(findstring real,$(SUITES)),sdk-real)
	@python3 tests/check.py --build $(B) --suites $(SUITES)

# Faults by a seed (tests/chaos/README.md): SEED=7 repeats a schedule.
SOAK_SECONDS ?= 600
soak: deps
	@$(MAKE) --no-print-directory run-soak
run-soak: all
	@python3 tests/chaos/run.py --build $(B) --seconds $(SOAK_SECONDS) --json build/soak.json

# All unit tests of libshunt and the replicator with ThreadSanitizer.
check-tsan: deps
	@$(MAKE) --no-print-directory SAN=thread unit-threads
	@python3 tests/check.py --build build/release-thread --suites unit-threads

FUZZ_SECONDS ?= 60
fuzz: deps
	@$(MAKE) --no-print-directory CC=clang MODE=fuzz fuzzers
	@tests/fuzz/run.py --build build/fuzz --seconds $(FUZZ_SECONDS) $(FUZZ)

lint: deps
	@$(MAKE) --no-print-directory run-lint
run-lint: all
	@tests/lint/run.sh $(B)

docs: all
	@scripts/options-md.sh $(B) >build/options.md
	@mv build/options.md docs/options.md
	@$(B)/bin/sdk-options >build/sdk-options.md
	@mv build/sdk-options.md docs/sdk-options.md
	@scripts/replication-md.sh $(B) >build/replication.md
	@mv build/replication.md docs/replication.md

BENCHES := $(patsubst tests/bench/%.py,bench-%,$(filter-out %/table.py,$(wildcard tests/bench/*.py)))
bench: $(BENCHES)
bench-%: deps
	@$(MAKE) --no-print-directory run-bench-$*
run-bench-%: all
	@python3 tests/bench/$*.py --build $(B) --json build/bench/$*.json

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig \
		$(DESTDIR)$(PREFIX)/include/shunt
	install $(BINS) $(DESTDIR)$(PREFIX)/bin
	install -m 644 sdk/include/shunt/*.h $(DESTDIR)$(PREFIX)/include/shunt
	install -m 644 $(B)/lib/libshunt.a $(DESTDIR)$(PREFIX)/lib
	install $(B)/lib/libshunt.so $(DESTDIR)$(PREFIX)/lib/libshunt.so.$(VERSION)
	ln -sf libshunt.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/libshunt.so.0
	ln -sf libshunt.so.0 $(DESTDIR)$(PREFIX)/lib/libshunt.so
	for pc in shunt shunt-static; do \
		sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' sdk/$$pc.pc.in \
			>$(DESTDIR)$(PREFIX)/lib/pkgconfig/$$pc.pc || exit 1; done

clean:
	rm -rf build

help:
	@echo 'make            build everything into build/release (MODE=debug: build/debug)'
	@echo 'make demo       move an application between two embedded clusters; KAFKA=real: real ones'
	@echo 'make check      all tests; SUITES=unit,programs,route,mapper,sandbox,real chooses'
	@echo 'make soak       10 minutes of random faults on real brokers; SOAK_SECONDS=60 SEED=7 choose'
	@echo 'make check-tsan the unit tests of libshunt and the replicator with ThreadSanitizer'
	@echo 'make fuzz       every fuzz target for FUZZ_SECONDS=60; FUZZ="glob http" chooses'
	@echo 'make lint       format, layers, headers, lengths, options, symbols, shell'
	@echo 'make bench      every make bench-NAME; figures in build/bench/NAME.json'
	@echo 'make docs       docs/options.md, docs/sdk-options.md and the tables in docs/replication.md'
	@echo 'make deps       install the Debian packages that are missing'
	@echo 'make install    to $(PREFIX); DESTDIR and PREFIX as usual'
	@echo 'make clean      remove build/'
	@echo 'SAN=address,undefined or SAN=thread build with sanitizers in a folder of their own'

.PHONY: all examples unit unit-threads soak run-soak check-tsan sdk-real fuzz fuzzers deps deps-demo demo run-demo check run-check lint \
	run-lint docs bench install clean help
.SECONDARY:
-include $(shell find build -name '*.d' 2>/dev/null)
