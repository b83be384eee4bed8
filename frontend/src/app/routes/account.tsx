export { AccountPage as default } from '@/features/auth/components/account-page';
