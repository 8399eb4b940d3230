/* The program but for its entry point, so that tests can run it too. */
#ifndef SHUNT_REPLICATOR_RUN_H
#define SHUNT_REPLICATOR_RUN_H

int replicator_run(int argc, char **argv); /* exit status */

#endif
