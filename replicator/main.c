/* shunt-replicator: see run.c. */
#include "replicator/run.h"

int
main(int argc, char **argv)
{
    return replicator_run(argc, argv);
}
