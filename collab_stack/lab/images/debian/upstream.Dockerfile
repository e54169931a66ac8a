# The same where mmdebstrap is missing and Docker Hub answers.
FROM docker.io/library/debian:trixie
RUN apt-get -qq update && apt-get -qq install -y --no-install-recommends ca-certificates && apt-get clean
ENV DEBIAN_FRONTEND=noninteractive
CMD ["/bin/bash"]
