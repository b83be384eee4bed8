import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { PageHeader } from '@/components/layouts/page-header';
import { paths } from '@/config/paths';

export default function NotFound(): ReactNode {
  return (
    <>
      <PageHeader title="No such page" />
      <p>
        Nothing lives at this address. <Link href={paths.markets}>See the markets</Link>
      </p>
    </>
  );
}
